// c++ -std=c++11 verify.cpp $(pkg-config --cflags --libs facedge); verify NAME.facedge PHOTO.rgb WIDTH HEIGHT
#include <facedge.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

int main(int, char **argv) try {
    std::ifstream file(argv[2], std::ios::binary);
    std::vector<unsigned char> pixels((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    int width = std::stoi(argv[3]), height = std::stoi(argv[4]);
    facedge_cpp::Verifier verifier(argv[1]);
    facedge_photo photo = FACEDGE_PHOTO(pixels.data(), height, width, 3 * width, FACEDGE_RGB);
    facedge_result result = verifier.verify(photo);
    std::cout << (result.accepted ? "accept " : "reject ") << result.score << "\n";
    return !result.accepted;
} catch (const facedge_cpp::Error &error) {
    std::cerr << error.what() << "\n";
    return 2;
}
