/* OrtApi is a table of functions whose order is frozen ("End of Version 1 - DO NOT MODIFY ABOVE" in
 * onnxruntime_c_api.h, since 1.0 of 2019): new ones only join at its end. So a table of pointers and the places of the
 * twenty functions used here stand in for the header, with every onnxruntime that there is. */
#include "engine.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *object; /* OrtEnv, OrtSession, OrtValue, ...: opaque to us */

enum {
    GET_ERROR_MESSAGE = 2,
    CREATE_ENV = 3,
    DISABLE_TELEMETRY = 6,
    CREATE_SESSION_FROM_ARRAY = 8,
    RUN = 9,
    CREATE_SESSION_OPTIONS = 10,
    SET_LOG_SEVERITY = 22,
    SET_INTRA_OP_THREADS = 24,
    CREATE_TENSOR_WITH_DATA = 49,
    GET_TENSOR_DATA = 51,
    GET_ELEMENT_COUNT = 64,
    GET_TYPE_AND_SHAPE = 65,
    CREATE_CPU_MEMORY_INFO = 69,
    RELEASE_ENV = 92,
    RELEASE_STATUS = 93,
    RELEASE_MEMORY_INFO = 94,
    RELEASE_SESSION = 95,
    RELEASE_VALUE = 96,
    RELEASE_TYPE_AND_SHAPE = 99,
    RELEASE_SESSION_OPTIONS = 100
};
enum { API_VERSION = 12, LOG_ERRORS = 3, FLOAT = 1, ARENA = 1, DEFAULT_MEMORY = 0, MOST_OUTPUTS = 12 };
enum { OLDEST = 18, NEWEST = 60 }; /* minor versions of onnxruntime 1: the oldest that loads a bundle's graphs */

typedef void (*function)(void);
typedef struct {
    const function *(*get_api)(uint32_t version);
    const char *(*get_version)(void);
} api_base;

struct engine {
    void *library;
    const function *api;
    object environment, memory;
};
struct session {
    object handle;
};

#define CALL(e, place, types) ((object(*) types)(e)->api[place])

static void release(const engine *e, int place, object o) {
    if (o) ((void (*)(object))e->api[place])(o);
}

/* 1 where status is no error; otherwise its message goes to `why`. */
static int good(const engine *e, object status, const char *what, char *why, size_t why_size) {
    if (!status) return 1;
    if (why && why_size)
        snprintf(why, why_size, "onnxruntime: %s: %s", what, ((const char *(*)(object))e->api[GET_ERROR_MESSAGE])(status));
    release(e, RELEASE_STATUS, status);
    return 0;
}

/* The system's library, by the names that it has: of onnxruntime's own releases, with the development package, and of
 * distributions, whose soname holds the minor version. */
static void *system_library(void) {
    void *found = dlopen("libonnxruntime.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!found) found = dlopen("libonnxruntime.so", RTLD_NOW | RTLD_LOCAL);
    for (int minor = NEWEST; !found && minor >= OLDEST; minor--) {
        char name[40];
        snprintf(name, sizeof name, "libonnxruntime.so.1.%d", minor);
        found = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    }
    return found;
}

static int is_new_enough(const char *version) {
    int major = 0, minor = 0;
    return version && sscanf(version, "%d.%d", &major, &minor) == 2 && (major > 1 || (major == 1 && minor >= OLDEST));
}

engine *engine_open(const char *library, char *why, size_t why_size) {
    engine *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    if (!library) library = getenv("FACEDGE_ONNXRUNTIME");
    e->library = library ? dlopen(library, RTLD_NOW | RTLD_LOCAL) : system_library();
    const api_base *(*get_base)(void) = NULL;
    if (e->library) *(void **)&get_base = dlsym(e->library, "OrtGetApiBase");
    const char *version = get_base ? get_base()->get_version() : NULL;
    e->api = is_new_enough(version) ? get_base()->get_api(API_VERSION) : NULL;
    if (!e->api) {
        const char *reason = version ? version : e->library ? "it is no onnxruntime" : library ? dlerror() : "no such library";
        if (why && why_size)
            snprintf(why, why_size, "expected onnxruntime 1.18 or later, got %s: %s; set FACEDGE_ONNXRUNTIME to the path of "
                     "libonnxruntime.so", library ? library : "libonnxruntime.so.1", reason);
    } else if (good(e, CALL(e, CREATE_ENV, (int, const char *, object *))(LOG_ERRORS, "facedge", &e->environment),
                    "starting", why, why_size) &&
               good(e, CALL(e, DISABLE_TELEMETRY, (object))(e->environment), "telemetry", why, why_size) &&
               good(e, CALL(e, CREATE_CPU_MEMORY_INFO, (int, int, object *))(ARENA, DEFAULT_MEMORY, &e->memory), "memory",
                    why, why_size)) {
        return e;
    }
    engine_close(e);
    return NULL;
}

void engine_close(engine *e) {
    if (!e) return;
    if (e->api) {
        release(e, RELEASE_MEMORY_INFO, e->memory);
        release(e, RELEASE_ENV, e->environment);
    }
    free(e); /* the library stays: its threads do not survive dlclose */
}

session *session_open(const engine *e, const void *model, size_t size, int threads, char *why, size_t why_size) {
    session *s = calloc(1, sizeof *s);
    object options = NULL;
    int fine = s && good(e, CALL(e, CREATE_SESSION_OPTIONS, (object *))(&options), "options", why, why_size) &&
               good(e, CALL(e, SET_LOG_SEVERITY, (object, int))(options, LOG_ERRORS), "logging", why, why_size) &&
               good(e, CALL(e, SET_INTRA_OP_THREADS, (object, int))(options, threads), "threads", why, why_size) &&
               good(e, CALL(e, CREATE_SESSION_FROM_ARRAY, (object, const void *, size_t, object, object *))(
                           e->environment, model, size, options, &s->handle), "loading a model", why, why_size);
    release(e, RELEASE_SESSION_OPTIONS, options);
    if (fine) return s;
    free(s);
    return NULL;
}

void session_close(const engine *e, session *s) {
    if (s) release(e, RELEASE_SESSION, s->handle);
    free(s);
}

static size_t element_count(const tensor *t) {
    size_t count = 1;
    for (size_t k = 0; k < t->rank; k++) count *= (size_t)t->shape[k];
    return count;
}

static int tensor_value(const engine *e, const tensor *t, object *value, char *why, size_t why_size) {
    size_t count = element_count(t);
    object status = CALL(e, CREATE_TENSOR_WITH_DATA, (object, void *, size_t, const int64_t *, size_t, int, object *))(
        e->memory, t->data, count * sizeof(float), t->shape, t->rank, FLOAT, value);
    return good(e, status, t->name, why, why_size);
}

/* An output that onnxruntime allocated, into the tensor's data. */
static int copy_value(const engine *e, const tensor *t, object value, char *why, size_t why_size) {
    object about = NULL;
    size_t count = 0;
    void *data = NULL;
    int fine = good(e, CALL(e, GET_TYPE_AND_SHAPE, (object, object *))(value, &about), t->name, why, why_size) &&
               good(e, CALL(e, GET_ELEMENT_COUNT, (object, size_t *))(about, &count), t->name, why, why_size) &&
               good(e, CALL(e, GET_TENSOR_DATA, (object, void **))(value, &data), t->name, why, why_size);
    release(e, RELEASE_TYPE_AND_SHAPE, about);
    if (fine && count != element_count(t)) {
        if (why && why_size) snprintf(why, why_size, "expected %zu values in the output %s, got %zu", element_count(t), t->name, count);
        return 0;
    }
    if (fine) memcpy(t->data, data, count * sizeof *t->data);
    return fine;
}

int session_run(const engine *e, const session *s, const tensor *input, const tensor *outputs, size_t count, char *why,
                size_t why_size) {
    object in = NULL, out[MOST_OUTPUTS] = {NULL};
    const char *names[MOST_OUTPUTS];
    int fine = count <= MOST_OUTPUTS && tensor_value(e, input, &in, why, why_size);
    for (size_t k = 0; fine && k < count; k++) {
        names[k] = outputs[k].name;
        if (!outputs[k].copied) fine = tensor_value(e, &outputs[k], &out[k], why, why_size); /* another shape is an error */
    }
    if (fine) {
        object status = CALL(e, RUN, (object, object, const char *const *, const object *, size_t, const char *const *,
                                      size_t, object *))(s->handle, NULL, &input->name, &in, 1, names, count, out);
        fine = good(e, status, "running a model", why, why_size);
    }
    for (size_t k = 0; fine && k < count; k++)
        if (outputs[k].copied) fine = copy_value(e, &outputs[k], out[k], why, why_size);
    for (size_t k = 0; k < count && k < MOST_OUTPUTS; k++) release(e, RELEASE_VALUE, out[k]);
    release(e, RELEASE_VALUE, in);
    return fine;
}
