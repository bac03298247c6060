// How much memory for keys and values the tiers' photos need in a model of this process.
#pragma once

#include <cstdint>
#include <optional>

#include "photos/settings.h"

namespace saccade::photos {

/// Bytes in which all photos have room that the tiers ask the model of `tier` about at a time. An
/// engine by itself takes more where it can, to keep the beginnings of prompts for later ones; but
/// of photos' prompts nothing comes again behind the picture, and memory would grow with every
/// photo until all of it is taken. None: some tier has no `max_pixels`, so that nobody knows how
/// long prompts get, or the device has not even that much; then the engine decides. Throws Error
/// when the model cannot be read.
std::optional<std::int64_t> sequence_memory(const Settings& settings, const Tier& tier);

}  // namespace saccade::photos
