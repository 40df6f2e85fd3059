// facedge in C++11: a verifier and an enrollment that close themselves; errors are exceptions. (In C, facedge is the name of
// a type.)
//
//     facedge_cpp::Verifier ana("ana.facedge");
//     if (ana.verify(FACEDGE_PHOTO(pixels, height, width, 3 * width, FACEDGE_RGB)).accepted) unlock();
//
//     facedge_cpp::Enrollment person(base);        // an open Verifier with a cohort, which outlives the enrollment
//     while (next(photo)) person.add(photo);
//     person.save("ana.facedge");
#ifndef FACEDGE_HPP
#define FACEDGE_HPP

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

#include "facedge.h"

namespace facedge_cpp {

class Error : public std::runtime_error {
public:
    Error(facedge_status status, const char *why) : std::runtime_error(why), status(status) {}
    facedge_status status;
};

// Calls a function of facedge.h with room for its sentence; an Error where its status is not FACEDGE_OK.
template <class Call> void checked(Call call) {
    char why[512] = "";
    facedge_status status = call(why, sizeof why);
    if (status != FACEDGE_OK) throw Error(status, why);
}

class Verifier {
public:
    // bundle: the path of NAME.facedge or NAME.facedge.zip
    explicit Verifier(const std::string &bundle, const facedge_options *options = nullptr) {
        ::facedge *opened = nullptr;
        checked([&](char *why, std::size_t size) { return facedge_open(bundle.c_str(), options, &opened, why, size); });
        handle.reset(opened);
    }

    // From the bytes of a NAME.facedge.zip, which are not needed afterwards.
    Verifier(const void *zip, std::size_t zip_size, const facedge_options *options = nullptr) {
        ::facedge *opened = nullptr;
        checked([&](char *why, std::size_t size) { return facedge_open_zip(zip, zip_size, options, &opened, why, size); });
        handle.reset(opened);
    }

    facedge_result verify(const facedge_photo &photo, const facedge_search *search = nullptr) const {
        facedge_result result = FACEDGE_RESULT;
        checked([&](char *why, std::size_t size) {
            return facedge_verify_photo(handle.get(), &photo, search, &result, why, size);
        });
        return result;
    }

    const ::facedge *get() const { return handle.get(); }

private:
    struct Close {
        void operator()(::facedge *opened) const { facedge_close(opened); }
    };
    std::unique_ptr<::facedge, Close> handle;
};

class Enrollment {
public:
    explicit Enrollment(const Verifier &base, const facedge_enroll_options *options = nullptr) {
        facedge_enrollment *begun = nullptr;
        checked([&](char *why, std::size_t size) { return facedge_enroll_begin(base.get(), options, &begun, why, size); });
        handle.reset(begun);
    }

    // "" where the photo may become a sample, otherwise why not, as facedge_enroll_add says.
    std::string add(const facedge_photo &photo, const facedge_search *search = nullptr) {
        const char *fault = nullptr;
        checked([&](char *why, std::size_t size) {
            return facedge_enroll_add(handle.get(), &photo, search, &fault, why, size);
        });
        return fault ? fault : "";
    }

    // path: NAME.facedge. replace: somebody who is enrolled there. `condition` is valid until the next save or the end.
    facedge_enrolled save(const std::string &path, bool replace = false) {
        facedge_enrolled enrolled = FACEDGE_ENROLLED;
        checked([&](char *why, std::size_t size) {
            return facedge_enroll_save(handle.get(), path.c_str(), nullptr, replace, &enrolled, why, size);
        });
        return enrolled;
    }

private:
    struct End {
        void operator()(facedge_enrollment *begun) const { facedge_enroll_end(begun); }
    };
    std::unique_ptr<facedge_enrollment, End> handle;
};

} // namespace facedge_cpp

#endif
