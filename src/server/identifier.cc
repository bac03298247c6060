#include "server/identifier.h"

#include <random>

namespace saccade::server {

std::string make_identifier(std::string_view prefix) {
  static constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  constexpr int kLength = 24;
  std::random_device device;
  std::uniform_int_distribution<std::size_t> letter(0, kAlphabet.size() - 1);
  std::string identifier(prefix);
  for (int i = 0; i < kLength; ++i) identifier += kAlphabet[letter(device)];
  return identifier;
}

}  // namespace saccade::server
