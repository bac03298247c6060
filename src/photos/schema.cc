#include "photos/schema.h"

#include <array>

#include "base/error.h"

namespace saccade::photos {
namespace {

// Times are milliseconds since 1970, documents are JSON. A migration that has landed is never
// changed: the next one is.
constexpr const char* kFirst = R"sql(
-- What holds for the library as a whole: its counter of changes, for one.
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('revision', 0);

-- Photos that look so alike that one of them answers for all.
CREATE TABLE clusters (
  id INTEGER PRIMARY KEY,
  representative INTEGER NOT NULL REFERENCES photos (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

-- A photo is its bytes: the same file under two names is one.
CREATE TABLE photos (
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,          -- SHA-256 of the file
  bytes INTEGER NOT NULL,
  name TEXT NOT NULL,                   -- of the file that came first
  added_at INTEGER NOT NULL,
  revision INTEGER NOT NULL,            -- meta's when it last changed
  reviewed_at INTEGER,
  format TEXT, width INTEGER, height INTEGER,
  taken_at TEXT, taken_seconds INTEGER,
  camera TEXT, lens TEXT,
  latitude REAL, longitude REAL, altitude_m REAL,
  warnings TEXT,                        -- [text, ...]
  sharpness REAL, brightness REAL, clipped_dark REAL, clipped_light REAL,
  colours TEXT,                         -- [{name, hex, share}, ...]
  perceptual_hash INTEGER,
  embedding BLOB, embedding_model TEXT, -- float32, of length 1
  cluster_id INTEGER REFERENCES clusters (id),
  likeness REAL                         -- to the cluster's representative, 0 to 1
) STRICT;
CREATE INDEX photos_by_time ON photos (COALESCE(taken_seconds, added_at / 1000), id);
CREATE INDEX photos_by_addition ON photos (added_at, id);
CREATE INDEX photos_by_revision ON photos (revision);
CREATE INDEX photos_by_cluster ON photos (cluster_id) WHERE cluster_id IS NOT NULL;

CREATE TABLE files (
  path TEXT PRIMARY KEY,
  photo_id INTEGER REFERENCES photos (id), -- none: it could not be read, `error` says why
  bytes INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL,
  missing_since INTEGER,
  error TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX files_by_photo ON files (photo_id);

-- What was added, to find what moved and what is gone.
CREATE TABLE sources (path TEXT PRIMARY KEY, added_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- The queue: what is to be done for each photo, and how it went.
CREATE TABLE jobs (
  photo_id INTEGER NOT NULL REFERENCES photos (id),
  tier TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN
    ('blocked', 'waiting', 'running', 'failed', 'set_aside', 'shared', 'done')),
  priority INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,  -- since it last became waiting from outside
  escalate INTEGER NOT NULL DEFAULT 0,  -- 1: to be asked of a larger model
  not_before INTEGER NOT NULL DEFAULT 0,
  changed_at INTEGER NOT NULL,          -- when the state became what it is
  duration_ms REAL,                     -- of the work that ended it
  alone INTEGER NOT NULL DEFAULT 0,     -- 1: a person asked for this photo's own result
  error TEXT,
  PRIMARY KEY (photo_id, tier)
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_ready ON jobs (tier, state, priority DESC, changed_at);

-- What a tier found, as it said it. Those that a newer one replaced stay.
CREATE TABLE results (
  id INTEGER PRIMARY KEY,
  photo_id INTEGER NOT NULL REFERENCES photos (id),
  tier TEXT NOT NULL,
  model TEXT NOT NULL,
  prompt TEXT NOT NULL,                 -- digest of model, prompt, schema and budgets
  created_at INTEGER NOT NULL,
  document TEXT NOT NULL,
  from_photo INTEGER REFERENCES photos (id),
  current INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX results_by_photo ON results (photo_id, tier, current);

CREATE TABLE people (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE
) STRICT;

CREATE TABLE regions (
  id INTEGER PRIMARY KEY,
  photo_id INTEGER NOT NULL REFERENCES photos (id),
  kind TEXT NOT NULL CHECK (kind IN ('face', 'text', 'barcode')),
  x REAL NOT NULL, y REAL NOT NULL, width REAL NOT NULL, height REAL NOT NULL,
  text TEXT NOT NULL, format TEXT NOT NULL,
  confidence REAL NOT NULL,
  person_id INTEGER REFERENCES people (id)
) STRICT;
CREATE INDEX regions_by_photo ON regions (photo_id);
CREATE INDEX regions_by_person ON regions (person_id) WHERE person_id IS NOT NULL;

-- What is said of a photo, by whom. A person's word (accepted, rejected, edited, added, merged)
-- stands: `key` and `original_key` keep tiers from saying it again.
CREATE TABLE tags (
  id INTEGER PRIMARY KEY,
  photo_id INTEGER NOT NULL REFERENCES photos (id),
  field TEXT NOT NULL,
  value TEXT NOT NULL,
  key TEXT NOT NULL,                    -- the value as it is compared
  state TEXT NOT NULL CHECK (state IN
    ('proposed', 'accepted', 'rejected', 'edited', 'added', 'merged')),
  details TEXT,                         -- what else was said of it
  confidence REAL,
  tier TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  from_photo INTEGER REFERENCES photos (id),
  original TEXT, original_key TEXT      -- before a person changed it
) STRICT;
CREATE UNIQUE INDEX tags_by_photo ON tags (photo_id, field, key);
CREATE INDEX tags_by_value ON tags (field, key) WHERE state NOT IN ('rejected', 'merged');

-- What people did, to take it back. `changes`: [{table, id, before, after}, ...]
CREATE TABLE actions (
  id INTEGER PRIMARY KEY,
  photo_id INTEGER NOT NULL REFERENCES photos (id),
  created_at INTEGER NOT NULL,
  what TEXT NOT NULL,
  changes TEXT NOT NULL,
  undone INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE VIRTUAL TABLE photo_text USING fts5 (
  tags, people, text, name, camera, tokenize = 'porter unicode61 remove_diacritics 2'
);
)sql";

// Beside the photos, which are read one after the other when a new one is compared with all.
constexpr const char* kMiniatures = R"sql(
CREATE TABLE miniatures (
  photo_id INTEGER PRIMARY KEY REFERENCES photos (id),
  pixels BLOB NOT NULL                  -- as vision/vision.h says
) STRICT;
)sql";

// What pages ask for again and again: how many jobs are in which state, how many photos have which
// tag. Counting 50,000 photos takes a fifth of a second; so triggers count as rows change, within
// the transaction that changes them. They do without OR and ON CONFLICT, in whose place those of
// the statement that fires them would stand.
constexpr const char* kCounts = R"sql(
CREATE TABLE job_counts (
  tier TEXT NOT NULL, state TEXT NOT NULL, jobs INTEGER NOT NULL, PRIMARY KEY (tier, state)
) STRICT, WITHOUT ROWID;
INSERT INTO job_counts SELECT tier, state, COUNT(*) FROM jobs GROUP BY tier, state;
CREATE TRIGGER jobs_counted AFTER INSERT ON jobs BEGIN
  INSERT INTO job_counts SELECT NEW.tier, NEW.state, 0 WHERE NOT EXISTS
    (SELECT 1 FROM job_counts WHERE tier = NEW.tier AND state = NEW.state);
  UPDATE job_counts SET jobs = jobs + 1 WHERE tier = NEW.tier AND state = NEW.state;
END;
CREATE TRIGGER jobs_forgotten AFTER DELETE ON jobs BEGIN
  UPDATE job_counts SET jobs = jobs - 1 WHERE tier = OLD.tier AND state = OLD.state;
END;
CREATE TRIGGER jobs_moved AFTER UPDATE OF tier, state ON jobs
  WHEN OLD.state <> NEW.state OR OLD.tier <> NEW.tier
BEGIN
  UPDATE job_counts SET jobs = jobs - 1 WHERE tier = OLD.tier AND state = OLD.state;
  INSERT INTO job_counts SELECT NEW.tier, NEW.state, 0 WHERE NOT EXISTS
    (SELECT 1 FROM job_counts WHERE tier = NEW.tier AND state = NEW.state);
  UPDATE job_counts SET jobs = jobs + 1 WHERE tier = NEW.tier AND state = NEW.state;
END;

-- Of tags that are shown.
CREATE TABLE tag_counts (
  field TEXT NOT NULL, key TEXT NOT NULL, photos INTEGER NOT NULL, PRIMARY KEY (field, key)
) STRICT, WITHOUT ROWID;
INSERT INTO tag_counts SELECT field, key, COUNT(*) FROM tags
  WHERE state NOT IN ('rejected', 'merged') GROUP BY field, key;
CREATE INDEX tag_counts_by_field ON tag_counts (field, photos DESC, key);
CREATE TRIGGER tags_counted AFTER INSERT ON tags WHEN NEW.state NOT IN ('rejected', 'merged') BEGIN
  INSERT INTO tag_counts SELECT NEW.field, NEW.key, 0 WHERE NOT EXISTS
    (SELECT 1 FROM tag_counts WHERE field = NEW.field AND key = NEW.key);
  UPDATE tag_counts SET photos = photos + 1 WHERE field = NEW.field AND key = NEW.key;
END;
CREATE TRIGGER tags_forgotten AFTER DELETE ON tags WHEN OLD.state NOT IN ('rejected', 'merged')
BEGIN
  UPDATE tag_counts SET photos = photos - 1 WHERE field = OLD.field AND key = OLD.key;
  DELETE FROM tag_counts WHERE field = OLD.field AND key = OLD.key AND photos = 0;
END;
CREATE TRIGGER tags_left AFTER UPDATE OF field, key, state ON tags
  WHEN OLD.state NOT IN ('rejected', 'merged') AND (NEW.state IN ('rejected', 'merged') OR
    OLD.key <> NEW.key OR OLD.field <> NEW.field)
BEGIN
  UPDATE tag_counts SET photos = photos - 1 WHERE field = OLD.field AND key = OLD.key;
  DELETE FROM tag_counts WHERE field = OLD.field AND key = OLD.key AND photos = 0;
END;
CREATE TRIGGER tags_joined AFTER UPDATE OF field, key, state ON tags
  WHEN NEW.state NOT IN ('rejected', 'merged') AND (OLD.state IN ('rejected', 'merged') OR
    OLD.key <> NEW.key OR OLD.field <> NEW.field)
BEGIN
  INSERT INTO tag_counts SELECT NEW.field, NEW.key, 0 WHERE NOT EXISTS
    (SELECT 1 FROM tag_counts WHERE field = NEW.field AND key = NEW.key);
  UPDATE tag_counts SET photos = photos + 1 WHERE field = NEW.field AND key = NEW.key;
END;

-- What else is counted, or asked for by when it ended, without reading whole rows.
CREATE INDEX jobs_ended ON jobs (tier, changed_at) WHERE state IN ('done', 'shared');
CREATE INDEX photos_reviewed ON photos (reviewed_at) WHERE reviewed_at IS NOT NULL;
CREATE INDEX photos_by_month ON photos (substr(taken_at, 1, 7)) WHERE taken_at IS NOT NULL;
CREATE INDEX files_unreadable ON files (path) WHERE error IS NOT NULL;
CREATE INDEX files_missing ON files (path) WHERE missing_since IS NOT NULL;
DROP INDEX regions_by_person;
CREATE INDEX regions_by_person ON regions (person_id, photo_id) WHERE person_id IS NOT NULL;
)sql";

constexpr const char* kCrashes = R"sql(
-- How often the program ended while it was at this photo: one of several then, or alone since.
ALTER TABLE jobs ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_suspected ON jobs (tier, state) WHERE crashes > 0;
)sql";

constexpr std::array kMigrations = {kFirst, kMiniatures, kCounts, kCrashes};
// "Sacc", so that other programs' databases are told from ours.
constexpr int kApplicationId = 0x53616363;

}  // namespace

void migrate(Connection& connection, const std::string& where) {
  const std::int64_t application = query_integer(connection, "PRAGMA application_id");
  const std::int64_t version = query_integer(connection, "PRAGMA user_version");
  const std::int64_t tables = query_integer(connection, "SELECT COUNT(*) FROM sqlite_schema");
  if (application != kApplicationId && tables > 0) {
    fail("{}: it is another program's database, not a photo library; name another folder", where);
  }
  if (version > static_cast<std::int64_t>(kMigrations.size())) {
    fail(
        "{}: a newer Saccade made it (version {} of its tables, this one knows {}); update Saccade",
        where, version, kMigrations.size());
  }
  for (auto i = static_cast<std::size_t>(version); i < kMigrations.size(); ++i) {
    connection.exec(kMigrations[i]);
  }
  if (version == static_cast<std::int64_t>(kMigrations.size())) return;
  connection.exec(fmt::format("PRAGMA application_id = {}", kApplicationId));
  connection.exec(fmt::format("PRAGMA user_version = {}", kMigrations.size()));
}

}  // namespace saccade::photos
