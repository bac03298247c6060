#include "checkpoint/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "temporary_directory.h"

namespace saccade::checkpoint {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Key;
using testing::ThrowsMessage;

/// The bytes of a safetensors file with this header and data.
std::string file_of(const std::string& header, const std::string& data,
                    std::uint64_t claimed_length = 0) {
  const std::uint64_t length = claimed_length ? claimed_length : header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header + data;
}

const std::string kGood =
    file_of(R"({"__metadata__": {"format": "pt"},
                "a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
                "b": {"dtype": "BF16", "shape": [1], "data_offsets": [8, 10]},
                "c": {"dtype": "I64", "shape": [1], "data_offsets": [10, 18]}})",
            std::string("\0\0\x80\x3f\0\0\0\x40\x80\x3f", 10) + std::string(8, '\0'));

TEST(Safetensors, ReadsTensors) {
  const TemporaryDirectory directory;
  const SafetensorsFile file(directory.write("m.safetensors", kGood));
  EXPECT_EQ(file.entries().size(), 3u);
  const HostTensor a = file.tensor("a");
  EXPECT_EQ(a.shape, (Shape{2, 1}));
  float values[2];
  std::memcpy(values, a.data, sizeof values);
  EXPECT_THAT(values, ElementsAre(1.0f, 2.0f));
  EXPECT_EQ(file.tensor("b").dtype, DType::kBF16);
  EXPECT_THAT([&] { file.tensor("c"); }, ThrowsMessage<Error>(HasSubstr("I64")));
  EXPECT_THAT([&] { file.tensor("d"); }, ThrowsMessage<Error>(HasSubstr("no tensor d")));
}

TEST(Safetensors, DamagedFilesAreNamedErrors) {
  const TemporaryDirectory directory;
  const auto entry = [](const std::string& description) {
    return file_of("{\"a\": " + description + "}", "12345678");
  };
  const std::pair<std::string, std::string> cases[] = {
      {"", "too short"},
      {"1234567", "too short"},
      {file_of("{}", "", 1u << 30), "cut short"},
      {file_of("{}", "", ~std::uint64_t{0}), "cut short"},
      {file_of("{\"a\": ", ""), "not valid JSON"},
      {file_of("[]", ""), "JSON object"},
      {entry(R"({"shape": [2], "data_offsets": [0, 8]})"), "\"dtype\" is missing"},
      {entry(R"({"dtype": "F32", "shape": [3], "data_offsets": [0, 12]})"), "cut short"},
      {entry(R"({"dtype": "F32", "shape": [2], "data_offsets": [8, 0]})"), "data_offsets"},
      {entry(R"({"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]})"), "data_offsets"},
      {entry(R"({"dtype": "F32", "shape": [2], "data_offsets": [0]})"), "data_offsets"},
      {entry(R"({"dtype": "F32", "shape": [3], "data_offsets": [0, 8]})"), "does not fill"},
      {entry(R"({"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]})"), "does not fill"},
      {entry(R"({"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 0]})"),
       "does not fill"},
      {entry(R"({"dtype": "F32", "shape": [1,1,1,1,1,1,2], "data_offsets": [0, 8]})"),
       "dimensions"},
      {file_of(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                   "b": {"dtype": "F32", "shape": [1], "data_offsets": [2, 6]}})",
               "12345678"),
       "overlap"},
  };
  for (const auto& [bytes, message] : cases) {
    const auto path = directory.write("m.safetensors", bytes);
    EXPECT_THAT(
        [&] { SafetensorsFile{path}; },
        ThrowsMessage<Error>(testing::AllOf(HasSubstr("m.safetensors"), HasSubstr(message))))
        << bytes;
  }
  EXPECT_THAT([&] { SafetensorsFile{directory.path()}; },
              ThrowsMessage<Error>(HasSubstr("regular")));
  EXPECT_THAT([&] { SafetensorsFile{directory.path() / "none"}; },
              ThrowsMessage<Error>(HasSubstr("No such file")));
}

TEST(Safetensors, EveryTruncationIsAnError) {
  const TemporaryDirectory directory;
  for (std::size_t size = 0; size < kGood.size(); ++size) {
    const auto path = directory.write("m.safetensors", kGood.substr(0, size));
    EXPECT_THROW(SafetensorsFile{path}, Error) << size;
  }
}

TEST(Checkpoint, ShardsAreFoundThroughTheIndex) {
  const TemporaryDirectory directory;
  directory.write("config.json", "{}");
  directory.write(
      "one.safetensors",
      file_of(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})", "1234"));
  directory.write(
      "two.safetensors",
      file_of(R"({"b": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}})", "1234"));
  directory.write("model.safetensors.index.json",
                  R"({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
  const Checkpoint checkpoint(directory.path());
  EXPECT_THAT(checkpoint.tensors(), ElementsAre(Key("a"), Key("b")));
  EXPECT_EQ(checkpoint.weight_bytes(), 8);
  EXPECT_EQ(checkpoint.tensor("b").dtype, DType::kF16);
}

TEST(Checkpoint, LyingIndexes) {
  const TemporaryDirectory directory;
  const auto open = [&] { Checkpoint{directory.path()}; };
  EXPECT_THAT(open, ThrowsMessage<Error>(HasSubstr("no config.json")));
  directory.write("config.json", "{}");
  EXPECT_THAT(open, ThrowsMessage<Error>(HasSubstr("no weights")));
  directory.write(
      "one.safetensors",
      file_of(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})", "1234"));
  const auto index = [&](const std::string& text) {
    directory.write("model.safetensors.index.json", text);
  };
  index(R"({"weight_map": {"a": "gone.safetensors"}})");
  EXPECT_THAT(open, ThrowsMessage<Error>(HasSubstr("gone.safetensors is missing")));
  index(R"({"weight_map": {"b": "one.safetensors"}})");
  EXPECT_THAT(open, ThrowsMessage<Error>(HasSubstr("tensor b is not in one.safetensors")));
  index(R"({"weight_map": {"a": "../one.safetensors"}})");
  EXPECT_THAT(open, ThrowsMessage<Error>(HasSubstr("wanted a file name")));
  index(R"({"weight_map": 3})");
  EXPECT_THAT(open, ThrowsMessage<Error>(HasSubstr("JSON object")));
}

TEST(ResolveModel, DirectoriesCacheAndErrors) {
  const TemporaryDirectory home;
  ::setenv("HF_HUB_CACHE", home.path().c_str(), 1);
  EXPECT_EQ(resolve_model(home.path().string()), home.path());
  EXPECT_THAT([] { resolve_model("org/none"); }, ThrowsMessage<Error>(HasSubstr("cache")));
  EXPECT_THAT([] { resolve_model("no-such-model"); }, ThrowsMessage<Error>(HasSubstr("no such")));
  EXPECT_THROW(resolve_model(""), Error);
  const auto model = home.path() / "models--org--name";
  std::filesystem::create_directories(model / "snapshots" / "abc");
  std::filesystem::create_directories(model / "snapshots" / "def");
  std::filesystem::create_directories(model / "refs");
  std::ofstream(model / "refs" / "main") << "abc";
  EXPECT_EQ(resolve_model("org/name"), model / "snapshots" / "abc");
  ::unsetenv("HF_HUB_CACHE");
}

}  // namespace
}  // namespace saccade::checkpoint
