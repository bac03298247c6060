// Rotary position settings in GGUF metadata.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/gguf.h"

namespace saccade::checkpoint {

/// Adds `rope_scaling` to a decoder's configuration where the file asks for more than plain rotary
/// positions. Without pictures all axes of a multimodal rotary have the same position, which makes
/// it a plain one. Throws Error for a kind of scaling that is not supported.
void add_rope_scaling(boost::json::object& config, const GgufFile& file, const std::string& prefix,
                      bool with_pictures);

/// What Llama 3.1 divides the frequencies of a head of `dim` by (Meta, 2024): 1 for high
/// frequencies, `factor` for low ones, a smooth passage between.
std::vector<double> llama3_rope_factors(double theta, int dim, double factor, double low,
                                        double high, double original_context);

}  // namespace saccade::checkpoint
