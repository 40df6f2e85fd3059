/* From a photo to a face, its crop and the decision: the core's search around the detector. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "photo.h"
#include "verifier.h"

static const facedge_search defaults = FACEDGE_SEARCH;

const char *const search_reasons[] = {NULL, "no_face", "many_faces", "low_quality", "rotated", "distorted"};

static facedge_status of_core(fe_status status, char *why, size_t why_size) {
    if (status == FE_NO_MEMORY) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected min_face above 0, min_score from 0 to 1, and a known policy");
}

static facedge_status run_search(const facedge *f, const fe_frame *frame, const facedge_search *wanted, fe_search *search,
                                 char *why, size_t why_size) {
    fe_search_options options = {(fe_policy)wanted->policy, wanted->min_face, wanted->min_score, wanted->turn};
    fe_status begun = fe_search_begin(search, frame, &options);
    fe_progress progress;
    fe_run run;
    if (begun != FE_OK) return of_core(begun, why, why_size);
    while ((progress = fe_search_next(search, &run)) == FE_RUN) {
        facedge_status status = detector_run(f->detector, &run, why, why_size);
        if (status != FACEDGE_OK) return status;
    }
    return progress == FE_DONE ? FACEDGE_OK : of_core(fe_search_status(search), why, why_size);
}

static facedge_face public_face(const fe_face *face) {
    facedge_face out;
    memcpy(out.box, face->box, sizeof out.box);
    memcpy(out.landmarks, face->landmarks, sizeof out.landmarks);
    out.detection = face->score;
    return out;
}

static void clear(const facedge *f, facedge_result *result) {
    size_t size = result->struct_size;
    memset(result, 0, sizeof *result);
    result->struct_size = size;
    result->score = NAN;
    result->stretch = NAN;
    result->threshold = f ? f->bundle.threshold : NAN;
}

static void describe(const fe_found *found, facedge_result *result) {
    result->reason = search_reasons[found->reason];
    result->has_face = found->has_face;
    if (found->has_face) result->face = public_face(&found->face);
    result->faces = found->count;
    result->turned = found->turned;
    result->stretch = found->stretch;
}

static int is_aligned(const facedge_search *wanted, const fe_frame *frame) {
    if (wanted->aligned >= 0) return wanted->aligned;
    return (frame->width == 178 && frame->height == 218) || (frame->width == 89 && frame->height == 109);
}

void job_end(job *j) {
    fe_search_destroy(j->search);
    free(j->made);
}

facedge_status job_begin(const facedge *f, const facedge_photo *photo, const facedge_search **wanted, job *j, char *why,
                         size_t why_size) {
    memset(j, 0, sizeof *j);
    if (!*wanted) *wanted = &defaults;
    if (!f || (*wanted)->struct_size < sizeof **wanted)
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected an open verifier, and options made by FACEDGE_SEARCH");
    facedge_status status = photo_frame(photo, &j->frame, &j->made, why, why_size);
    if (status != FACEDGE_OK || is_aligned(*wanted, &j->frame)) return status;
    if (fe_search_create(fe_best_isa(), &j->search) != FE_OK) status = fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    if (status == FACEDGE_OK) status = run_search(f, &j->frame, *wanted, j->search, why, why_size);
    if (status != FACEDGE_OK) job_end(j);
    return status;
}

fe_frame crop_of(const job *j) {
    if (!j->search) return j->frame;
    return (fe_frame){fe_search_found(j->search)->crop, FE_CROP_HEIGHT, FE_CROP_WIDTH, FE_CROP_WIDTH * 3, 3, 1};
}

facedge_status facedge_verify_photo(const facedge *f, const facedge_photo *photo, const facedge_search *wanted,
                                    facedge_result *result, char *why, size_t why_size) {
    int sound = result && result->struct_size >= sizeof *result;
    if (sound) clear(f, result);
    if (!f || !sound)
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected an open verifier, and a result made by FACEDGE_RESULT");
    if (!f->bundle.enrolled)
        return fail(FACEDGE_NOT_ENROLLED, why, why_size, "nobody is enrolled in this bundle: run facedge enroll");
    job j;
    facedge_status status = job_begin(f, photo, &wanted, &j, why, why_size);
    if (status != FACEDGE_OK) return status;
    if (j.search) describe(fe_search_found(j.search), result);
    fe_frame crop = crop_of(&j);
    facedge_decision decision = {0};
    if (crop.pixels) status = decide(f, &crop, &decision, why, why_size);
    job_end(&j);
    if (status != FACEDGE_OK || !crop.pixels) return status;
    result->accepted = decision.accepted;
    result->score = decision.score;
    result->reason = decision.reason;
    return FACEDGE_OK;
}

static void copy_crop(const fe_frame *crop, uint8_t *out) {
    for (int64_t y = 0; y < crop->height; y++)
        for (int64_t x = 0; x < crop->width; x++)
            for (int c = 0; c < 3; c++)
                *out++ = crop->pixels[y * crop->row_stride + x * crop->pixel_stride + c * crop->channel_stride];
}

facedge_status facedge_find_face(const facedge *f, const facedge_photo *photo, const facedge_search *wanted,
                                 facedge_result *result, uint8_t *crop, char *why, size_t why_size) {
    facedge_search searched = wanted && wanted->struct_size >= sizeof *wanted ? *wanted : defaults;
    int sound = result && result->struct_size >= sizeof *result;
    if (sound) clear(f, result);
    if (!f || !sound)
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected an open verifier, and a result made by FACEDGE_RESULT");
    searched.aligned = 0;
    wanted = &searched;
    job j;
    facedge_status status = job_begin(f, photo, &wanted, &j, why, why_size);
    if (status != FACEDGE_OK) return status;
    describe(fe_search_found(j.search), result);
    fe_frame found = crop_of(&j);
    if (crop && found.pixels) copy_crop(&found, crop);
    job_end(&j);
    return FACEDGE_OK;
}

facedge_status facedge_list_faces(const facedge *f, const facedge_photo *photo, const facedge_search *wanted,
                                  facedge_face *faces, int64_t room, int64_t *count, char *why, size_t why_size) {
    facedge_search searched = wanted && wanted->struct_size >= sizeof *wanted ? *wanted : defaults;
    if (!count || room < 0 || (room && !faces))
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected room for faces and a place for their number");
    searched.aligned = 0;
    wanted = &searched;
    job j;
    facedge_status status = job_begin(f, photo, &wanted, &j, why, why_size);
    if (status != FACEDGE_OK) return status;
    const fe_found *found = fe_search_found(j.search);
    for (int64_t k = 0; k < found->count && k < room; k++) faces[k] = public_face(&found->faces[k]);
    *count = found->count;
    job_end(&j);
    return FACEDGE_OK;
}
