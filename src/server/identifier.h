// Names for requests and answers.
#pragma once

#include <string>
#include <string_view>

namespace saccade::server {

/// `prefix` and 24 random letters and digits: nobody can guess another one's.
std::string make_identifier(std::string_view prefix);

}  // namespace saccade::server
