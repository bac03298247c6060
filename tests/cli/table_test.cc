#include "cli/table.h"

#include <gtest/gtest.h>

namespace saccade::cli {
namespace {

TEST(Table, ColumnsAlign) {
  Table table({Align::kLeft, Align::kRight, Align::kLeft});
  table.add_row({"part", "tokens"});
  table.add_row({"image", "1,234", "cat"});
  table.add_row({"x", "7"});
  EXPECT_EQ(table.text(),
            "part   tokens\n"
            "image   1,234  cat\n"
            "x           7\n");
}

TEST(Table, WideCharactersTakeTwoColumns) {
  Table table({Align::kLeft, Align::kRight});
  table.add_row({"\xE5\x9B\xBE.png", "1"});
  table.add_row({"abcdef", "2"});
  EXPECT_EQ(table.text(), "\xE5\x9B\xBE.png  1\nabcdef  2\n");
}

TEST(Table, ACellIsOneLine) {
  Table table({Align::kLeft});
  table.add_row({"a\nb"});
  EXPECT_EQ(table.text(), "a b\n");
}

TEST(Table, WithoutRowsThereIsNothing) {
  EXPECT_EQ(Table({Align::kLeft}).text(), "");
}

}  // namespace
}  // namespace saccade::cli
