/* onnxruntime through its C interface, loaded at run time: no headers of it and no linking against it are needed. */
#ifndef FACEDGE_ENGINE_H
#define FACEDGE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

typedef struct engine engine;
typedef struct session session;

/* One tensor of float32: a name, its data, and its shape (1, ...). `copied` is for outputs whose shape is not the one that
 * the model declares: onnxruntime then allocates them, and only their number of values is checked. */
typedef struct {
    const char *name;
    float *data;
    int64_t shape[4];
    size_t rank;
    int copied;
} tensor;

/* From 1.29 on onnxruntime sends telemetry unless ORT_DISABLE_TELEMETRY is in the environment by now. */
engine *engine_open(const char *library, char *why, size_t why_size); /* NULL with a sentence in `why` on failure */
void engine_close(engine *e);

session *session_open(const engine *e, const void *model, size_t size, int threads, char *why, size_t why_size);
void session_close(const engine *e, session *s);

/* Run `input` through the model into `outputs`, whose shapes the model must give: 1, or 0 with a sentence in `why`. */
int session_run(const engine *e, const session *s, const tensor *input, const tensor *outputs, size_t count, char *why,
                size_t why_size);

#endif
