#include "photos/settings.h"

namespace saccade::photos {
namespace {

constexpr const char* kDefaultSettings =
    R"toml(# What Saccade does for each photo of this library: docs/photos.md explains every line.
# A change holds from the next start on. Photos that an older prompt, schema or model described
# keep what it said; `saccade photos retry LIBRARY --outdated` has them described anew.

[clusters]                   # photos of one scene, of which one answers for all
burst_seconds = 20.0
burst_likeness = 0.90
duplicate_likeness = 0.97
duplicate_distance = 6
duplicate_seconds = 3600.0

[[tier]]
name = "import"
title = "Import"
kind = "import"
concurrency = 2

[[tier]]
name = "vision"
title = "Faces, text, colours"
kind = "vision"
concurrency = 2

[[tier]]
name = "small"
title = "First look"
kind = "vlm"
model = "glance"             # whatever `saccade run` takes; or a server's name for it, with
# url = "http://127.0.0.1:8080"
# key_variable = "MODEL_KEY" # environment variable that holds the server's key
max_pixels = 200704
max_tokens = 640
concurrency = 2
escalate = "large"           # whose model is asked when an answer contradicts itself
prompt = "What is in this photo? Answer in JSON with entities, context and relationships."
references = ["relationships.subject -> entities.name", "relationships.object -> entities.name"]
schema = '''
{
  "type": "object",
  "properties": {
    "entities": {
      "type": "array",
      "maxItems": 8,
      "items": {
        "type": "object",
        "properties": {
          "name": {"type": "string", "minLength": 1, "maxLength": 30},
          "count": {"type": "integer", "minimum": 1, "maximum": 99},
          "color": {"type": "string", "minLength": 1, "maxLength": 16}
        },
        "required": ["name", "count"],
        "additionalProperties": false
      }
    },
    "context": {"type": "string", "maxLength": 120},
    "relationships": {
      "type": "array",
      "maxItems": 4,
      "items": {
        "type": "object",
        "properties": {
          "subject": {"type": "string", "minLength": 1, "maxLength": 30},
          "relation": {"type": "string", "minLength": 1, "maxLength": 30},
          "object": {"type": "string", "minLength": 1, "maxLength": 30}
        },
        "required": ["subject", "relation", "object"],
        "additionalProperties": false
      }
    }
  },
  "required": ["entities", "context", "relationships"],
  "additionalProperties": false
}
'''

[[tier]]
name = "large"
title = "Full description"
kind = "vlm"
model = "glance"
max_pixels = 401408
max_tokens = 1024
background = true            # while nothing else waits
shared = true                # one photo of a cluster answers for all
concurrency = 1
prompt = """Describe this photo in JSON: people with what they wear, objects with their attributes, \
activities, relationships, mood, and what can be inferred, with a confidence between 0 and 1."""
references = ["relationships.subject -> people.name, objects.name", "relationships.object -> people.name, objects.name"]
schema = '''
{
  "type": "object",
  "properties": {
    "people": {
      "type": "array",
      "maxItems": 3,
      "items": {
        "type": "object",
        "properties": {
          "name": {"type": "string", "minLength": 1, "maxLength": 24},
          "wardrobe": {"type": "array", "maxItems": 2, "items": {"type": "string", "minLength": 1, "maxLength": 24}}
        },
        "required": ["name", "wardrobe"],
        "additionalProperties": false
      }
    },
    "objects": {
      "type": "array",
      "maxItems": 6,
      "items": {
        "type": "object",
        "properties": {
          "name": {"type": "string", "minLength": 1, "maxLength": 24},
          "attributes": {"type": "array", "maxItems": 2, "items": {"type": "string", "minLength": 1, "maxLength": 20}}
        },
        "required": ["name", "attributes"],
        "additionalProperties": false
      }
    },
    "activities": {"type": "array", "maxItems": 3, "items": {"type": "string", "minLength": 1, "maxLength": 40}},
    "relationships": {
      "type": "array",
      "maxItems": 4,
      "items": {
        "type": "object",
        "properties": {
          "subject": {"type": "string", "minLength": 1, "maxLength": 24},
          "relation": {"type": "string", "minLength": 1, "maxLength": 24},
          "object": {"type": "string", "minLength": 1, "maxLength": 24}
        },
        "required": ["subject", "relation", "object"],
        "additionalProperties": false
      }
    },
    "mood": {"type": "string", "maxLength": 24},
    "inferences": {
      "type": "array",
      "maxItems": 2,
      "items": {
        "type": "object",
        "properties": {
          "value": {"type": "string", "minLength": 1, "maxLength": 60},
          "confidence": {"enum": [0.1, 0.3, 0.5, 0.7, 0.9]}
        },
        "required": ["value", "confidence"],
        "additionalProperties": false
      }
    }
  },
  "required": ["people", "objects", "activities", "relationships", "mood", "inferences"],
  "additionalProperties": false
}
'''
)toml";

}  // namespace

const char* default_settings() {
  return kDefaultSettings;
}

}  // namespace saccade::photos
