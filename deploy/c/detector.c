#define _POSIX_C_SOURCE 200809L /* strdup */
#include "detector.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "sha256.h"

static const char digest[] = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4";

/* The graph's input has the fixed shape 1 x 3 x 640 x 640. In protobuf each 640 is the two-byte varint 80 05; the digest
 * makes these offsets certain. */
enum { FILE_SIZE = 232589, HEIGHT_AT = 229273, WIDTH_AT = 229278, KEPT_SESSIONS = 16 };

typedef struct {
    int64_t height, width;
    session *session;
} sized;

struct detector {
    const engine *engine;
    char *path;
    int threads;
    pthread_mutex_t lock; /* of all below */
    unsigned char *model;
    sized sessions[KEPT_SESSIONS];
    int count;
};

detector *detector_create(const engine *e, const char *path, int threads) {
    if (!path) path = getenv("FACEDGE_DETECTOR");
    detector *d = calloc(1, sizeof *d);
    if (!d || (path && !(d->path = strdup(path))) || pthread_mutex_init(&d->lock, NULL) != 0) {
        if (d) free(d->path);
        return free(d), NULL;
    }
    d->engine = e;
    d->threads = threads;
    return d;
}

void detector_destroy(detector *d) {
    if (!d) return;
    for (int k = 0; k < d->count; k++) session_close(d->engine, d->sessions[k].session);
    pthread_mutex_destroy(&d->lock);
    free(d->model);
    free(d->path);
    free(d);
}

static facedge_status read_model(detector *d, char *why, size_t why_size) {
    if (!d->path || !*d->path)
        return fail(FACEDGE_NO_DETECTOR, why, why_size,
                    "finding faces needs face_detection_yunet_2023mar.onnx: set FACEDGE_DETECTOR to its path");
    FILE *file = fopen(d->path, "rb");
    if (!file) return fail(FACEDGE_NO_DETECTOR, why, why_size, "%s: the detector's file cannot be read", d->path);
    unsigned char *data = malloc(FILE_SIZE + 1);
    size_t size = data ? fread(data, 1, FILE_SIZE + 1, file) : 0;
    char hex[65] = "";
    fclose(file);
    if (data) sha256_hex(data, size, hex);
    if (strcmp(hex, digest) != 0) {
        free(data);
        return fail(FACEDGE_NO_DETECTOR, why, why_size,
                    "%s: expected face_detection_yunet_2023mar.onnx with sha256 %.8s..., got another file", d->path, digest);
    }
    d->model = data;
    return FACEDGE_OK;
}

static session *open_sized(const detector *d, int64_t height, int64_t width, char *why, size_t why_size) {
    unsigned char *model = malloc(FILE_SIZE);
    if (!model) return NULL;
    memcpy(model, d->model, FILE_SIZE);
    model[HEIGHT_AT] = (unsigned char)((height & 0x7F) | 0x80);
    model[HEIGHT_AT + 1] = (unsigned char)(height >> 7);
    model[WIDTH_AT] = (unsigned char)((width & 0x7F) | 0x80);
    model[WIDTH_AT + 1] = (unsigned char)(width >> 7);
    session *opened = session_open(d->engine, model, FILE_SIZE, d->threads, why, why_size);
    free(model);
    return opened;
}

/* The session of one input size: kept, or opened now; `own` where there is no room to keep it. Under the lock. */
static session *session_of(detector *d, int64_t height, int64_t width, int *own, char *why, size_t why_size) {
    *own = 0;
    for (int k = 0; k < d->count; k++)
        if (d->sessions[k].height == height && d->sessions[k].width == width) return d->sessions[k].session;
    session *opened = open_sized(d, height, width, why, why_size);
    *own = d->count == KEPT_SESSIONS;
    if (opened && !*own) d->sessions[d->count++] = (sized){height, width, opened};
    return opened;
}

facedge_status detector_run(detector *d, const fe_run *run, char *why, size_t why_size) {
    static const char *const names[FE_OUTPUTS] = {"cls_8",  "cls_16",  "cls_32",  "obj_8", "obj_16", "obj_32",
                                                  "bbox_8", "bbox_16", "bbox_32", "kps_8", "kps_16", "kps_32"};
    static const int64_t channels[4] = {1, 1, 4, 10};
    tensor input = {"input", (float *)run->planes, {1, 3, run->height, run->width}, 4, 0}, outputs[FE_OUTPUTS];
    for (int k = 0; k < FE_OUTPUTS; k++)
        outputs[k] = (tensor){names[k], run->outputs[k], {1, run->floats[k] / channels[k / 3], channels[k / 3]}, 3, 1};
    int own;
    session *opened = NULL;
    pthread_mutex_lock(&d->lock);
    facedge_status status = d->model ? FACEDGE_OK : read_model(d, why, why_size);
    if (status == FACEDGE_OK && !(opened = session_of(d, run->height, run->width, &own, why, why_size)))
        status = FACEDGE_NO_ENGINE;
    pthread_mutex_unlock(&d->lock);
    if (status != FACEDGE_OK) return status;
    if (!session_run(d->engine, opened, &input, outputs, FE_OUTPUTS, why, why_size)) status = FACEDGE_NO_ENGINE;
    if (own) session_close(d->engine, opened);
    return status;
}
