"""Views that several pages have: charts drawn by a painter, and a grid of images."""
