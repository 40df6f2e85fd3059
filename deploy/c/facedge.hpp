// facedge in C++11: a verifier that closes itself; errors are exceptions. (In C, facedge is the name of a type.)
//
//     facedge_cpp::Verifier ana("ana.facedge");
//     if (ana.verify(FACEDGE_PHOTO(pixels, height, width, 3 * width, FACEDGE_RGB)).accepted) unlock();
#ifndef FACEDGE_HPP
#define FACEDGE_HPP

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

class Verifier {
public:
    explicit Verifier(const std::string &bundle, const facedge_options *options = nullptr) {
        ::facedge *opened = nullptr;
        char why[512];
        check(facedge_open(bundle.c_str(), options, &opened, why, sizeof why), why);
        handle.reset(opened);
    }

    facedge_result verify(const facedge_photo &photo, const facedge_search *search = nullptr) const {
        facedge_result result = FACEDGE_RESULT;
        char why[512];
        check(facedge_verify_photo(handle.get(), &photo, search, &result, why, sizeof why), why);
        return result;
    }

    const ::facedge *get() const { return handle.get(); }

private:
    static void check(facedge_status status, const char *why) {
        if (status != FACEDGE_OK) throw Error(status, why);
    }
    struct Close {
        void operator()(::facedge *opened) const { facedge_close(opened); }
    };
    std::unique_ptr<::facedge, Close> handle;
};

} // namespace facedge_cpp

#endif
