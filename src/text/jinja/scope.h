// Which variable a name means. jinja2 decides it before rendering, by frames; so do we.
#pragma once

#include "text/jinja/ast.h"

namespace saccade::text::jinja {

/// Gives every name of a template its frame and slot, and every frame what its slots start with.
/// Raises where jinja2 refuses a template for its names.
void resolve_names(Tree& tree);

}  // namespace saccade::text::jinja
