// A set of hashes whose older versions stay valid.
#pragma once

#include <cstdint>
#include <memory>

namespace saccade::grammar {

/// The keys of one object by their hashes: adding and looking up take logarithmic time, and copies
/// share what they have in common, since alternatives and copies of a matcher go on from one set.
/// Two keys with one hash count as the same key, which can only refuse a document, never let one
/// in.
class KeySet {
 public:
  bool has(std::uint64_t hash) const {
    const Branch* branch = root_.get();
    for (int bit = 0; branch; ++bit) {
      if (branch->leaf) return branch->hash == hash;
      branch = branch->children[hash >> bit & 1].get();
    }
    return false;
  }

  void add(std::uint64_t hash) {
    if (!has(hash)) root_ = with(root_, hash, 0);
  }

  bool empty() const { return !root_; }

 private:
  struct Branch;
  using Pointer = std::shared_ptr<const Branch>;
  struct Branch {
    bool leaf = false;
    std::uint64_t hash = 0;
    Pointer children[2];
  };

  static Pointer with(const Pointer& branch, std::uint64_t hash, int bit) {
    auto result = std::make_shared<Branch>();
    if (!branch) {
      result->leaf = true;
      result->hash = hash;
      return result;
    }
    if (branch->leaf) {
      result->children[branch->hash >> bit & 1] = branch;
    } else {
      *result = *branch;
    }
    Pointer& child = result->children[hash >> bit & 1];
    child = with(child, hash, bit + 1);
    return result;
  }

  Pointer root_;
};

}  // namespace saccade::grammar
