#define _POSIX_C_SOURCE 200809L /* strdup */
#include "detector.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "sha256.h"

static const char digest[] = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4";

/* The graph's input has the fixed shape 1 x 3 x 640 x 640. In protobuf each 640 is the tag 08 and the varint 80 05; three
 * bytes are a free axis, too: the tag 12, a length and one letter. The digest makes these offsets certain. Outputs have the
 * bits of a graph of the fixed size (tests/faces/test_yunet.py), so that one session serves all. */
enum { FILE_SIZE = 232589, HEIGHT_AT = 229272, WIDTH_AT = 229277 };

struct detector {
    const engine *engine;
    char *path;
    int threads;
    pthread_mutex_t lock; /* of the session, which the first run opens */
    session *session;
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
    session_close(d->engine, d->session);
    pthread_mutex_destroy(&d->lock);
    free(d->path);
    free(d);
}

/* The file's bytes, for free(). */
static facedge_status read_model(const detector *d, unsigned char **model, char *why, size_t why_size) {
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
    *model = data;
    return FACEDGE_OK;
}

/* Under the lock. */
static facedge_status open_session(detector *d, char *why, size_t why_size) {
    unsigned char *model = NULL;
    facedge_status status = d->session ? FACEDGE_OK : read_model(d, &model, why, why_size);
    if (d->session || status != FACEDGE_OK) return status;
    memcpy(model + HEIGHT_AT, "\x12\x01H", 3);
    memcpy(model + WIDTH_AT, "\x12\x01W", 3);
    d->session = session_open(d->engine, model, FILE_SIZE, d->threads, why, why_size);
    free(model);
    return d->session ? FACEDGE_OK : FACEDGE_NO_ENGINE;
}

facedge_status detector_run(detector *d, const fe_run *run, char *why, size_t why_size) {
    static const char *const names[FE_OUTPUTS] = {"cls_8",  "cls_16",  "cls_32",  "obj_8", "obj_16", "obj_32",
                                                  "bbox_8", "bbox_16", "bbox_32", "kps_8", "kps_16", "kps_32"};
    static const int64_t channels[4] = {1, 1, 4, 10};
    tensor input = {"input", (float *)run->planes, {1, 3, run->height, run->width}, 4, 0}, outputs[FE_OUTPUTS];
    for (int k = 0; k < FE_OUTPUTS; k++)
        outputs[k] = (tensor){names[k], run->outputs[k], {1, run->floats[k] / channels[k / 3], channels[k / 3]}, 3, 1};
    pthread_mutex_lock(&d->lock);
    facedge_status status = open_session(d, why, why_size);
    pthread_mutex_unlock(&d->lock);
    if (status == FACEDGE_OK && !session_run(d->engine, d->session, &input, outputs, FE_OUTPUTS, why, why_size))
        status = FACEDGE_NO_ENGINE;
    return status;
}
