"""Genann networks without this program's reader: in NumPy with 64 bits, and a C stand-in for the library.

Both are written from the description of the format; nothing of Genann's own source is here.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FUNCTIONS = {
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "threshold": lambda a: (a > 0).astype(float),
    "linear": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "tanh": np.tanh,
}


def run(
    text: str, inputs: NDArray[np.float64], hidden: str = "sigmoid", output: str = ""
) -> NDArray[np.float64]:
    """Return the outputs (n, outputs) of the network `text` for `inputs`, (n, inputs)."""
    words = text.split()
    sizes, weights = [int(w) for w in words[:4]], np.array([float(w) for w in words[4:]])
    widths = [sizes[0], *[sizes[2]] * sizes[1], sizes[3]]
    y, place = inputs, 0
    for number, (features, units) in enumerate(pairwise(widths), 1):
        rows = weights[place : place + units * (features + 1)].reshape(units, features + 1)
        place += rows.size
        sums = y @ rows[:, 1:].T - rows[:, 0]
        last = number == len(widths) - 1
        y = FUNCTIONS[(output or hidden) if last else hidden](sums)
    assert place == len(weights)
    return y


HEADER = """\
#ifndef GENANN_H
#define GENANN_H
#include <stdio.h>
struct genann;
typedef double (*genann_actfun)(const struct genann *ann, double a);
typedef struct genann {
    int inputs, hidden_layers, hidden, outputs;
    genann_actfun activation_hidden, activation_output;
    double *weight;
} genann;
genann *genann_read(FILE *in);
double const *genann_run(genann const *ann, double const *inputs);
#endif
"""

LIBRARY = """\
#include <stdlib.h>
#include "genann.h"

static double values[2][4096];

genann *genann_read(FILE *in)
{
    genann *g = calloc(1, sizeof *g);
    int n = fscanf(in, "%d %d %d %d", &g->inputs, &g->hidden_layers, &g->hidden, &g->outputs);
    int before = g->inputs, weights = 0;
    for (int l = 0; l < g->hidden_layers; l++, before = g->hidden) weights += (before + 1) * g->hidden;
    weights += (before + 1) * g->outputs;
    g->weight = calloc(weights, sizeof(double));
    for (int i = 0; i < weights; i++) n += fscanf(in, " %le", g->weight + i);
    return n == weights + 4 ? g : 0;
}

double const *genann_run(genann const *g, double const *x)
{
    const double *w = g->weight;
    int features = g->inputs;
    for (int layer = 0; layer <= g->hidden_layers; layer++) {
        int last = layer == g->hidden_layers, units = last ? g->outputs : g->hidden;
        double *y = values[layer & 1];
        for (int j = 0; j < units; j++) {
            double sum = -*w++;
            for (int k = 0; k < features; k++) sum += *w++ * x[k];
            y[j] = (last ? g->activation_output : g->activation_hidden)(g, sum);
        }
        x = y;
        features = units;
    }
    return x;
}
"""
