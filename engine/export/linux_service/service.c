/* A network behind HTTP: GET / is a page to draw on, GET /health names the model, GET /metrics counts for Prometheus, GET
   /openapi.json describes it all, POST /predict takes the bytes of an image, or a PNG of a drawing. libmicrohttpd speaks HTTP, libpng reads pictures. One thread answers everything,
   because the network has one static arena. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <png.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model.h"

#define MOST_BYTES (1u << 20)
#define MOST_PIXELS (1u << 22)
#define SECONDS 10        /* that a connection may be idle */
#define MOST_CONNECTIONS 2000
#define NUMBER_BYTES 24 /* a comma and a probability in JSON */
#define CLASSES TM_CLASS_COUNT

typedef struct {
    uint8_t *bytes;
    size_t count, room;
    int is_refused;
} Body;

static unsigned long answered, refused;
static double seconds; /* spent on answers */

/* Replies */

static enum MHD_Result reply(struct MHD_Connection *to, unsigned status, const char *type, size_t count,
                             const void *bytes, enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(count, (void *)(size_t)bytes, mode);
    enum MHD_Result result;
    if (!response) {
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", type);
    result = MHD_queue_response(to, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result reply_json(struct MHD_Connection *to, unsigned status, const char *text)
{
    return reply(to, status, "application/json", strlen(text), text, MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result refuse(struct MHD_Connection *to, unsigned status, const char *sentence)
{
    char text[200];
    snprintf(text, sizeof text, "{\"error\":\"%s\"}", sentence);
    return reply_json(to, status, text);
}

/* The JSON of an answer; `best` is -1 when nothing is drawn. */
static enum MHD_Result reply_answer(struct MHD_Connection *to, int best, const float *probabilities)
{
    static char text[sizeof CLASSES_JSON + NUMBER_BYTES * CLASSES + 400 + LONGEST_NAME];
    size_t at = (size_t)sprintf(text, "{\"class\":%s,\"classes\":%s,\"probabilities\":[",
                                best < 0 ? "null" : names_json[best], CLASSES_JSON);
    int i;
    for (i = 0; best >= 0 && i < CLASSES; i++) {
        at += (size_t)sprintf(text + at, "%s%.9g", i ? "," : "", (double)probabilities[i]);
    }
    sprintf(text + at, "],\"model\":\"%s\",\"numbers\":\"int8\"}", TM_MODEL_HASH);
    answered++;
    return reply_json(to, MHD_HTTP_OK, text);
}

static enum MHD_Result reply_health(struct MHD_Connection *to)
{
    char text[200 + sizeof NAME_JSON];
    snprintf(text, sizeof text,
             "{\"status\":\"ok\",\"name\":%s,\"model\":\"%s\",\"numbers\":\"int8\",\"answered\":%lu}", NAME_JSON,
             TM_MODEL_HASH, answered);
    return reply_json(to, MHD_HTTP_OK, text);
}

static enum MHD_Result reply_metrics(struct MHD_Connection *to)
{
    static const char labels[] = "{model=\"" TM_MODEL_HASH "\",numbers=\"int8\"}";
    char text[600];
    const int count = snprintf(text, sizeof text,
                               "# TYPE tinyml_answered_total counter\ntinyml_answered_total%s %lu\n"
                               "# TYPE tinyml_refused_total counter\ntinyml_refused_total%s %lu\n"
                               "# TYPE tinyml_seconds_total counter\ntinyml_seconds_total%s %.6f\n",
                               labels, answered, labels, refused, labels, seconds);
    return reply(to, MHD_HTTP_OK, "text/plain; version=0.0.4", (size_t)count, text, MHD_RESPMEM_MUST_COPY);
}

/* Pictures */

static int compare(const void *a, const void *b)
{
    return *(const uint8_t *)a - *(const uint8_t *)b;
}

/* Turns a picture of either polarity into ink, bright on black: paper and its noise become 0, the brightest ink 255. */
static int make_ink(uint8_t *pixels, int width, int height)
{
    const size_t all = (size_t)width * (size_t)height, edge = 2 * ((size_t)width + (size_t)height);
    uint8_t *const border = malloc(edge);
    size_t count = 0, i;
    int paper, floor, contrast, largest = 0;
    if (!border) {
        return 0;
    }
    for (i = 0; i < (size_t)width; i++) {
        border[count++] = pixels[i];
        border[count++] = pixels[all - (size_t)width + i];
    }
    for (i = 0; i < (size_t)height; i++) {
        border[count++] = pixels[i * (size_t)width];
        border[count++] = pixels[(i + 1) * (size_t)width - 1];
    }
    qsort(border, count, 1, compare);
    paper = (border[count / 2 - 1] + border[count / 2]) / 2;
    for (i = 0; i < count; i++) {
        border[i] = (uint8_t)abs(border[i] - paper);
    }
    qsort(border, count, 1, compare);
    floor = paper > 127 ? 255 - paper : paper;
    for (i = 0; i < all; i++) {
        pixels[i] = paper > 127 ? (uint8_t)(255 - pixels[i]) : pixels[i];
        largest = pixels[i] > largest ? pixels[i] : largest;
    }
    contrast = largest - floor;
    if (contrast >= LEAST_CONTRAST) {
        const int noise = 2 * border[(count - 1) * 9 / 10];
        floor += noise < contrast / 3 ? noise : contrast / 3;
    } else {
        floor = largest;
    }
    for (i = 0; i < all; i++) {
        const int v = (pixels[i] - floor) * 255 / (largest > floor ? largest - floor : 1);
        pixels[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    free(border);
    return 1;
}

/* Classifies a PNG; returns -1 when nothing is drawn, -2 when it cannot be read. */
static int predict_png(const Body *body, float *probabilities)
{
    static uint8_t image[TM_INPUT_SIZE];
    const png_color white = {255, 255, 255};
    png_image picture = {.version = PNG_IMAGE_VERSION};
    uint8_t *pixels = NULL;
    int best = -2;
    if (png_image_begin_read_from_memory(&picture, body->bytes, body->count)) {
        picture.format = PNG_FORMAT_GRAY;
        if ((uint64_t)picture.width * picture.height <= MOST_PIXELS) {
            pixels = malloc(PNG_IMAGE_SIZE(picture));
        }
        if (pixels && png_image_finish_read(&picture, &white, pixels, 0, NULL) &&
            make_ink(pixels, (int)picture.width, (int)picture.height)) {
            best = -1;
            if (tm_preprocess(pixels, (int)picture.width, (int)picture.height, image)) {
                best = tm_predict(image, probabilities);
            }
        }
    }
    free(pixels);
    png_image_free(&picture);
    return best;
}

/* Requests */

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static enum MHD_Result refuse_body(struct MHD_Connection *to, unsigned status, const char *sentence)
{
    refused++;
    return refuse(to, status, sentence);
}

static enum MHD_Result predict(struct MHD_Connection *to, const Body *body)
{
    static float probabilities[CLASSES];
    const char *type = MHD_lookup_connection_value(to, MHD_HEADER_KIND, "Content-Type");
    const double start = now();
    int best;
    if (body->is_refused) {
        return refuse_body(to, MHD_HTTP_CONTENT_TOO_LARGE, "The body is too large; send a smaller picture.");
    }
    if (type && strcmp(type, "application/octet-stream") == 0) {
        if (body->count != TM_INPUT_SIZE) {
            return refuse_body(to, MHD_HTTP_BAD_REQUEST, "The body is no image; send its 784 bytes, row by row.");
        }
        best = tm_predict(body->bytes, probabilities);
        seconds += now() - start;
        return reply_answer(to, best, probabilities);
    }
    if (!type || strcmp(type, "image/png") != 0) {
        return refuse_body(to, MHD_HTTP_BAD_REQUEST, "Send application/octet-stream or image/png.");
    }
    best = predict_png(body, probabilities);
    seconds += now() - start;
    if (best < -1) {
        return refuse_body(to, MHD_HTTP_BAD_REQUEST, "The body is no PNG that can be read, of 2048 x 2048 at most.");
    }
    return reply_answer(to, best, probabilities);
}

static void take(Body *body, const char *bytes, size_t count)
{
    if (!body->is_refused && body->count + count > body->room) {
        const size_t room = 2 * (body->count + count);
        uint8_t *const larger = room > 2 * MOST_BYTES ? NULL : realloc(body->bytes, room);
        body->is_refused = !larger;
        body->bytes = larger ? larger : body->bytes;
        body->room = larger ? room : body->room;
    }
    if (!body->is_refused) {
        memcpy(body->bytes + body->count, bytes, count);
        body->count += count;
    }
}

static enum MHD_Result handle(void *none, struct MHD_Connection *to, const char *path, const char *method,
                              const char *version, const char *bytes, size_t *count, void **state)
{
    Body *body = *state;
    (void)none;
    (void)version;
    if (!body) {
        *state = calloc(1, sizeof *body);
        return *state ? MHD_YES : MHD_NO;
    }
    if (*count) {
        take(body, bytes, *count);
        *count = 0;
        return MHD_YES;
    }
    if (strcmp(path, "/predict") == 0 && strcmp(method, "POST") == 0) {
        return predict(to, body);
    }
    if (strcmp(method, "GET") != 0) {
        return refuse(to, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET and POST /predict are answered.");
    }
    if (strcmp(path, "/health") == 0) {
        return reply_health(to);
    }
    if (strcmp(path, "/metrics") == 0) {
        return reply_metrics(to);
    }
    if (strcmp(path, "/openapi.json") == 0) {
        return reply(to, MHD_HTTP_OK, "application/json", sizeof openapi, openapi, MHD_RESPMEM_PERSISTENT);
    }
    if (strcmp(path, "/") == 0) {
        return reply(to, MHD_HTTP_OK, "text/html; charset=utf-8", sizeof page, page, MHD_RESPMEM_PERSISTENT);
    }
    return refuse(to, MHD_HTTP_NOT_FOUND, "There is no such page.");
}

static void forget(void *none, struct MHD_Connection *to, void **state, enum MHD_RequestTerminationCode why)
{
    Body *body = *state;
    (void)none;
    (void)to;
    (void)why;
    if (body) {
        free(body->bytes);
        free(body);
    }
}

static int fail(const char *sentence)
{
    fprintf(stderr, "%s\n", sentence);
    return 1;
}

int main(int count, char **words)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    struct sockaddr_in6 at6 = {.sin6_family = AF_INET6};
    const char *const host = count > 1 ? words[1] : "127.0.0.1";
    const long port = count > 2 ? strtol(words[2], NULL, 10) : 8000;
    const int is_ipv6 = strchr(host, ':') != NULL;
    struct MHD_Daemon *service;
    sigset_t ends;
    int number;
    if (count > 3 || port < 0 || port > 65535 ||
        (is_ipv6 ? inet_pton(AF_INET6, host, &at6.sin6_addr) : inet_pton(AF_INET, host, &at.sin_addr)) != 1) {
        return fail("Usage: tm_service [ADDRESS [PORT]], by default 127.0.0.1 8000");
    }
    at.sin_port = at6.sin6_port = htons((uint16_t)port);
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    service = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | (is_ipv6 ? MHD_USE_IPv6 : 0), (uint16_t)port, NULL, NULL,
                               handle, NULL, MHD_OPTION_SOCK_ADDR, is_ipv6 ? (void *)&at6 : (void *)&at,
                               MHD_OPTION_NOTIFY_COMPLETED, forget, NULL, MHD_OPTION_CONNECTION_TIMEOUT,
                               (unsigned)SECONDS, MHD_OPTION_CONNECTION_LIMIT, (unsigned)MOST_CONNECTIONS,
                               MHD_OPTION_END);
    if (!service) {
        return fail("The address and port cannot be listened on; choose others.");
    }
    printf(is_ipv6 ? "http://[%s]:%u/\n" : "http://%s:%u/\n", host,
           (unsigned)MHD_get_daemon_info(service, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    sigwait(&ends, &number);
    MHD_stop_daemon(service);
    return 0;
}
