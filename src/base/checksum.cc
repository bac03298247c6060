#include "base/checksum.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <new>

namespace saccade {

struct Checksum::Context {
  Context() : evp(EVP_MD_CTX_new()) {
    if (!evp) throw std::bad_alloc();
  }
  ~Context() { EVP_MD_CTX_free(evp); }
  EVP_MD_CTX* evp;
};

Checksum::Checksum(Kind kind) : context_(std::make_unique<Context>()) {
  const EVP_MD* type = kind == Kind::kSha1 ? EVP_sha1() : EVP_sha256();
  if (EVP_DigestInit_ex(context_->evp, type, nullptr) != 1) throw std::bad_alloc();
}

Checksum::~Checksum() = default;
Checksum::Checksum(Checksum&&) noexcept = default;
Checksum& Checksum::operator=(Checksum&&) noexcept = default;

Checksum& Checksum::add(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size());
  return *this;
}

std::string Checksum::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_->evp, bytes.data(), &size);
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

}  // namespace saccade
