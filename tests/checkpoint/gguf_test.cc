#include "checkpoint/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "gguf_bytes.h"
#include "temporary_directory.h"

namespace saccade::checkpoint {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

GgufBytes good(std::uint32_t version = 3, std::size_t alignment = 32) {
  GgufBytes bytes(version, alignment);
  bytes.set("general.architecture", "llama")
      .set("u32", std::uint32_t{4'000'000'000})
      .set("i64", std::int64_t{-5})
      .set("f32", 0.5f)
      .set("f64", 0.1)
      .set("yes", true)
      .set("huge", ~std::uint64_t{0})
      .set("tokens", std::vector<std::string>{"a", "", "\xE2\x96\x81the"})
      .set("types", std::vector<std::int32_t>{1, -2, 3})
      .set("scores", std::vector<float>{0.0f, -1.5f})
      .raw("bytes", GgufBytes::array(0, 2) + "\x01\xff")
      .tensor("w", {32, 2}, 8, std::string(68, 'w'))
      .tensor("b", {3}, 0, std::string(12, 'b'))
      .tensor("odd", {256}, 16, std::string(66, 'x'));
  return bytes;
}

TEST(Gguf, ReadsMetadata) {
  const TemporaryDirectory directory;
  for (const std::uint32_t version : {2u, 3u}) {
    const GgufFile file(directory.write("m.gguf", good(version).bytes()));
    EXPECT_EQ(file.string("general.architecture"), "llama");
    EXPECT_EQ(file.integer("u32"), 4'000'000'000);
    EXPECT_EQ(file.integer("i64"), -5);
    EXPECT_EQ(file.number("i64"), -5.0);
    EXPECT_EQ(file.number("f32"), 0.5);
    EXPECT_EQ(file.number("f64"), 0.1);
    EXPECT_EQ(file.boolean("yes"), true);
    EXPECT_THAT(file.strings("tokens"), ElementsAre("a", "", "\xE2\x96\x81the"));
    EXPECT_THAT(file.integers("types"), ElementsAre(1, -2, 3));
    EXPECT_THAT(file.integers("bytes"), ElementsAre(1, 255));
    EXPECT_THAT(file.numbers("scores"), ElementsAre(0.0, -1.5));
    EXPECT_THAT(file.numbers("types"), ElementsAre(1.0, -2.0, 3.0));
    EXPECT_EQ(file.integer("none"), std::nullopt);
    EXPECT_EQ(file.string("none"), std::nullopt);
    EXPECT_THAT(file.strings("none"), IsEmpty());
    EXPECT_TRUE(file.has("tokens"));
    EXPECT_FALSE(file.has("none"));
    EXPECT_EQ(file.metadata().size(), 11u);
  }
}

TEST(Gguf, WrongTypesNameFileKeyAndBothTypes) {
  const TemporaryDirectory directory;
  const GgufFile file(directory.write("m.gguf", good().bytes()));
  const std::pair<std::function<void()>, std::string> cases[] = {
      {[&] { file.integer("f32"); }, "metadata f32: wanted an integer, found float32"},
      {[&] { file.integer("huge"); }, "huge: 18446744073709551615 is out of range"},
      {[&] { file.number("yes"); }, "wanted a number, found bool"},
      {[&] { file.boolean("u32"); }, "wanted a boolean, found uint32"},
      {[&] { file.string("u32"); }, "wanted a string, found uint32"},
      {[&] { file.string("tokens"); }, "wanted one value, found an array of 3 string"},
      {[&] { file.strings("u32"); }, "wanted an array, found uint32"},
      {[&] { file.strings("types"); }, "wanted strings, found an array of 3 int32"},
      {[&] { file.integers("scores"); }, "wanted integers, found an array of 2 float32"},
      {[&] { file.numbers("tokens"); }, "wanted numbers, found an array of 3 string"},
  };
  for (const auto& [ask, message] : cases) {
    EXPECT_THAT(ask, ThrowsMessage<Error>(AllOf(HasSubstr("m.gguf"), HasSubstr(message))));
  }
}

TEST(Gguf, ReadsTensors) {
  const TemporaryDirectory directory;
  for (const std::size_t alignment : {1u, 32u, 128u}) {
    const GgufFile file(directory.write("m.gguf", good(3, alignment).bytes()));
    EXPECT_EQ(file.tensors().size(), 3u);
    const GgufFile::Entry& w = file.entry("w");
    EXPECT_EQ(w.shape, (Shape{2, 32}));
    EXPECT_EQ(w.bytes, 68u);
    EXPECT_EQ(w.offset % alignment, 0u);
    EXPECT_EQ(static_cast<char>(file.data(w)[0]), 'w');
    EXPECT_EQ(static_cast<char>(file.data(w)[67]), 'w');
    EXPECT_EQ(static_cast<char>(file.data(file.entry("b"))[11]), 'b');
    file.release(w);
    EXPECT_THAT([&] { file.entry("none"); }, ThrowsMessage<Error>(HasSubstr("no tensor none")));
    EXPECT_THAT([&] { file.data(file.entry("odd")); },
                ThrowsMessage<Error>(
                    AllOf(HasSubstr("tensor odd has type 16 (IQ2_XXS)"), HasSubstr("Q4_K"))));
  }
}

TEST(Gguf, VocabularyAloneAndScalars) {
  const TemporaryDirectory directory;
  GgufBytes bytes;
  bytes.set("a", "b");
  EXPECT_EQ(GgufFile(directory.write("m.gguf", bytes.bytes())).string("a"), "b");
  bytes.tensor("scalar", {}, 0, "1234").tensor("empty", {0, 3}, 0, "");
  const GgufFile file(directory.write("n.gguf", bytes.bytes()));
  EXPECT_EQ(file.entry("scalar").bytes, 4u);
  EXPECT_EQ(file.entry("scalar").shape.rank(), 0);
  EXPECT_EQ(file.entry("empty").bytes, 0u);
}

std::string with_version(std::uint32_t version) {
  return GgufBytes(version).bytes();
}
std::string with_counts(std::uint64_t tensors, std::uint64_t values) {
  return "GGUF" + GgufBytes::number<std::uint32_t>(3) + GgufBytes::number(tensors) +
         GgufBytes::number(values) + std::string(64, '\0');
}
std::string with_value(const std::string& value) {
  return GgufBytes().raw("k", value).bytes();
}
std::string with_tensor(const std::vector<std::uint64_t>& dims, std::uint32_t type,
                        std::uint64_t offset = 0) {
  return GgufBytes().describe("t", dims, type, offset).bytes() + std::string(64, '\0');
}

TEST(Gguf, DamagedFilesAreNamedErrors) {
  const TemporaryDirectory directory;
  const std::uint64_t huge = ~std::uint64_t{0};
  const auto number = [](std::uint64_t value) { return GgufBytes::number(value); };
  const auto type = [](std::uint32_t value) { return GgufBytes::number(value); };
  const auto aligned = [&](std::uint32_t value) {
    return GgufBytes().set("general.alignment", value).bytes();
  };
  const std::pair<std::string, std::string> cases[] = {
      {"", "does not begin with"},
      {"GGU", "does not begin with"},
      {"FUGG" + with_version(3).substr(4), "does not begin with"},
      {"GGUF", "ends in the version"},
      {with_version(1), "version 1; 2 and 3"},
      {with_version(4), "version 4; 2 and 3"},
      {with_version(0), "version 0"},
      {with_version(0x03000000), "big-endian"},
      {with_counts(0, huge), "metadata values are claimed"},
      {with_counts(huge, 0), "tensors are claimed"},
      {with_value(type(13) + number(0)), "metadata k: type 13 is unknown"},
      {with_value(type(9) + type(9) + number(0)), "arrays of arrays"},
      {with_value(type(9) + type(99) + number(0)), "type 99 is unknown"},
      {with_value(type(9) + type(4) + number(huge)), "elements of uint32 are claimed"},
      {with_value(type(9) + type(8) + number(huge / 8)), "elements of string are claimed"},
      {with_value(type(9) + type(8) + number(1) + number(huge)), "claims 18446744073709551615"},
      {with_value(type(8) + number(9) + "12345678"), "claims 9 bytes, the file has 8 left"},
      {with_value(type(7) + "\x02"), "must be 0 or 1"},
      {with_value(type(10) + "1234567"), "ends in a metadata value"},
      {GgufBytes().set("k", "v").set("k", "w").bytes(), "metadata k is given twice"},
      {GgufBytes().set(std::string(70000, 'k'), "v").bytes(), "at most 65535"},
      {aligned(0), "power of two, found 0"},
      {aligned(48), "power of two, found 48"},
      {GgufBytes().set("general.alignment", "32").bytes(), "wanted a uint32"},
      {with_tensor({1, 1, 1, 1, 1}, 0), "tensor t: 5 dimensions; at most 4"},
      {with_tensor({huge}, 0), "overflows"},
      {with_tensor({1ull << 40, 1ull << 40}, 0), "overflows"},
      {with_tensor({1ull << 40, 1ull << 40}, 999), "overflows"},
      {with_tensor({1ull << 61}, 0), "overflows"},
      {with_tensor({48}, 8), "rows of 48 do not divide into the blocks of 32 of Q8_0"},
      {with_tensor({16, 2}, 8), "rows of 16 do not divide"},
      {with_tensor({32}, 0, 8), "no multiple of the alignment 32"},
      {with_tensor({32}, 0), "do not lie in the 64 bytes of data"},
      {with_tensor({1}, 0, 64), "do not lie in the 64 bytes of data"},
      {with_tensor({1}, 0, 0xFFFFFFFFFFFFFFE0), "do not lie"},
      {with_tensor({1}, 999, 96), "do not lie"},
      {GgufBytes().describe("t", {1}, 0, 0).describe("t", {1}, 0, 32).bytes() +
           std::string(64, '\0'),
       "tensor t is given twice"},
      {GgufBytes().describe("t", {9}, 0, 0).describe("u", {1}, 0, 32).bytes() +
           std::string(64, '\0'),
       "tensors t and u overlap"},
  };
  for (const auto& [bytes, message] : cases) {
    const auto path = directory.write("m.gguf", bytes);
    EXPECT_THAT([&] { GgufFile{path}; },
                ThrowsMessage<Error>(AllOf(HasSubstr("m.gguf"), HasSubstr(message))));
  }
}

TEST(Gguf, EveryTruncationIsAnError) {
  const TemporaryDirectory directory;
  GgufBytes writer;
  writer.set("a", "text")
      .set("list", std::vector<std::string>{"x", "y"})
      .tensor("t", {2}, 0, "12345678");
  const std::string bytes = writer.bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto path = directory.write("m.gguf", bytes.substr(0, size));
    EXPECT_THROW(GgufFile{path}, Error) << size;
  }
}

}  // namespace
}  // namespace saccade::checkpoint
