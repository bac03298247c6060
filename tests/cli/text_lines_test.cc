#include "cli/text_lines.h"

#include <gtest/gtest.h>

namespace saccade::cli {
namespace {

TEST(TextLines, ErrorTextBecomesOneLine) {
  EXPECT_EQ(one_line("a\nb\r\nc\td"), "a b  c d");
  EXPECT_EQ(one_line("file\x1b[31m.png"), "file [31m.png");
  EXPECT_EQ(one_line("x\xE2\x80\xA8y"), "x y") << "U+2028 is a line break, too";
  EXPECT_EQ(one_line("na\xC3\xAFve \xE5\x9B\xBE"), "na\xC3\xAFve \xE5\x9B\xBE");
}

TEST(TextLines, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(valid_utf8("a\xFF"
                       "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(valid_utf8("\xE5\x9B"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "half a character";
  EXPECT_EQ(valid_utf8("\xED\xA0\x80").find('\xED'), std::string::npos) << "a lone surrogate";
  EXPECT_EQ(valid_utf8("\xF0\x9F\x90\xB1\n"), "\xF0\x9F\x90\xB1\n");
  EXPECT_EQ(valid_utf8(std::string_view("a\0b", 3)), std::string("a\0b", 3));
}

TEST(TextLines, TerminalsGetNoEscapeSequences) {
  EXPECT_EQ(terminal_text("\x1b]0;title\x07ok\n\tx"), "]0;titleok\n\tx");
  EXPECT_EQ(terminal_text("\xC2\x9B"
                          "31m"),
            "31m")
      << "C1 control sequence introducer";
  EXPECT_EQ(terminal_text("caf\xC3\xA9"), "caf\xC3\xA9");
}

TEST(TextLines, WidthCountsColumns) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("caf\xC3\xA9"), 4);
  EXPECT_EQ(display_width("\xE5\x9B\xBE"), 2) << "a wide character";
  EXPECT_EQ(display_width(""), 0);
}

}  // namespace
}  // namespace saccade::cli
