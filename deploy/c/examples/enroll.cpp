// c++ -std=c++11 enroll.cpp $(pkg-config --cflags --libs facedge); enroll NAME.facedge BASE.facedge WIDTH HEIGHT PHOTO.rgb ...
#include <facedge.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

static std::vector<unsigned char> bytes_of(const char *path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

int main(int count, char **words) try {
    int width = std::stoi(words[3]), height = std::stoi(words[4]);
    facedge_cpp::Verifier base(words[2]);
    facedge_cpp::Enrollment person(base);
    for (int k = 5; k < count; k++) {
        std::vector<unsigned char> pixels = bytes_of(words[k]);
        std::string fault = person.add(FACEDGE_PHOTO(pixels.data(), height, width, 3 * width, FACEDGE_RGB));
        if (!fault.empty()) std::cerr << "left out: " << words[k] << ": " << fault << "\n";
    }
    facedge_enrolled enrolled = person.save(words[1]);
    std::cout << enrolled.samples << " samples, threshold " << enrolled.threshold << "\n";
} catch (const facedge_cpp::Error &error) {
    std::cerr << error.what() << "\n";
    return 2;
}
