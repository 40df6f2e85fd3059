/* cold_start_floor MODEL ...: loads onnxruntime ($FACEDGE_ONNXRUNTIME), opens a session of each file, and ends. What no host in C
 * can do without; benchmarks/cold_start.py compiles it with deploy/c/engine.c. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine.h"

int main(int argc, char **argv) {
    char why[256];
    engine *e = engine_open(NULL, why, sizeof why);
    for (int k = 1; e && k < argc; k++) {
        FILE *file = fopen(argv[k], "rb");
        enum { MOST = 16 << 20 };
        unsigned char *model = malloc(MOST);
        size_t size = file && model ? fread(model, 1, MOST, file) : 0;
        if (!session_open(e, model, size, 1, why, sizeof why)) return fprintf(stderr, "%s\n", why), 2;
    }
    if (!e) fprintf(stderr, "%s\n", why);
    _exit(e ? 0 : 2);
}
