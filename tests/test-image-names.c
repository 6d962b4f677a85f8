/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and options of images: the program beside the installed qemu-img, byte for byte. */
#include "config.h"

#include <string.h>
#include <sys/stat.h>

#include "tests/testutil.h"

/* A json: name from tokens as they stand. */
#define J(...) "json:" #__VA_ARGS__

typedef enum { INFO, OPTS, OPTS_U, MAP, AS_RAW, AS_QCOW2, AS_FILE, AS_BOGUS } Use;

static const char *const use_words[][3] = {
    [INFO] = { "info" },
    [OPTS] = { "info", "--image-opts" },
    [OPTS_U] = { "info", "-U", "--image-opts" },
    [MAP] = { "map", "--output=json" },
    [AS_RAW] = { "info", "-f", "raw" },
    [AS_QCOW2] = { "info", "-f", "qcow2" },
    [AS_FILE] = { "info", "-f", "file" },
    [AS_BOGUS] = { "info", "-f", "bogus" },
};

typedef struct {
    const char *path;
    Use use;
    const char *name;
} NameRow;

static const NameRow rows[] = {
    { "plain/raw", INFO, "r.raw" },
    { "plain/missing", INFO, "nonexist" },
    { "plain/empty", INFO, "" },
    { "plain/directory", INFO, "dir" },
    { "plain/below-a-file", INFO, "r.raw/x" },
    { "plain/comma", INFO, "we,ird" },
    { "plain/null-device", INFO, "/dev/null" },
    { "plain/as-raw", AS_RAW, "q.qcow2" },
    { "plain/as-qcow2", AS_QCOW2, "r.raw" },
    { "plain/as-file", AS_FILE, "q.qcow2" },
    { "plain/as-bogus", AS_BOGUS, "r.raw" },
    { "protocol/file", INFO, "file:r.raw" },
    { "protocol/file-colon", INFO, "file:a:b" },
    { "protocol/file-file", INFO, "file:file:x" },
    { "protocol/file-empty", INFO, "file:" },
    { "protocol/file-missing", INFO, "file:/nonexist" },
    { "protocol/unknown", INFO, "foo:x" },
    { "protocol/unknown-slash", INFO, "foo:/x" },
    { "protocol/colon-first", INFO, ":x" },
    { "protocol/colon-file", INFO, "a:b" },
    { "protocol/dot-colon-file", INFO, "./a:b" },
    { "protocol/host-device", INFO, "host_device:/dev/null" },
    { "protocol/host-device-file", INFO, "host_device:r.raw" },
    { "protocol/upper-case", INFO, "JSON:{}" },

    { "json/raw", INFO,
      J({ "driver" : "raw", "file" : { "driver" : "file", "filename" : "r.raw" } }) },
    { "json/qcow2", INFO, J({ "driver" : "qcow2", "file" : { "filename" : "q.qcow2" } }) },
    { "json/probed", INFO, J({ "file" : { "filename" : "q.qcow2" } }) },
    { "json/dotted", INFO, J({ "driver" : "qcow2", "file.filename" : "q.qcow2" }) },
    { "json/dotted-and-nested", INFO,
      J({ "driver" : "raw", "file" : { "filename" : "r.raw" }, "file.filename" : "q.qcow2" }) },
    { "json/protocol-on-top", INFO, J({ "driver" : "file", "filename" : "q.qcow2" }) },
    { "json/single-quotes", INFO, "json:{'driver':'raw','file':{'filename':'r.raw'}}" },
    { "json/blank", INFO, "json: {\"driver\":\"raw\",\"file\":{\"filename\":\"r.raw\"}}" },
    { "json/colon-is-plain", INFO, J({ "driver" : "raw", "file" : { "filename" : "a:b" } }) },
    { "json/protocol-is-plain", INFO,
      J({ "driver" : "raw", "file" : { "filename" : "file:r.raw" } }) },
    { "json/json-is-plain", INFO, J({ "driver" : "raw", "file" : { "filename" : "json:{}" } }) },
    { "json/raw-on-raw", INFO,
      J({ "driver" : "raw", "file" : { "driver" : "raw", "file" : { "filename" : "r.raw" } } }) },
    { "json/qcow2-on-raw", INFO, J({
          "driver" : "qcow2",
          "file" : { "driver" : "raw", "offset" : 0, "file" : { "filename" : "q.qcow2" } }
      }) },
    { "json/window-on-raw", INFO, J({
          "file" :
              { "driver" : "raw", "offset" : 512, "size" : 512, "file" : { "filename" :
                                                                               "r.raw" } }
      }) },
    { "json/host-device", INFO,
      J({ "driver" : "raw", "file" : { "driver" : "host_device", "filename" : "/dev/null" } }) },
    { "json/host-device-file", INFO,
      J({ "driver" : "raw", "file" : { "driver" : "host_device", "filename" : "r.raw" } }) },
    { "json/file-device", INFO,
      J({ "driver" : "raw", "file" : { "driver" : "file", "filename" : "/dev/null" } }) },
    { "json/window-of-uneven-file", INFO,
      J({ "driver" : "raw", "offset" : 100, "file.filename" : "u.raw" }) },
    { "json/window-of-uneven-file-to-its-end", MAP,
      J({ "driver" : "raw", "offset" : 512, "size" : 4608, "file.filename" : "u.raw" }) },
    { "json/window-of-uneven-file-last-byte", INFO,
      J({ "driver" : "raw", "offset" : 4999, "file.filename" : "u.raw" }) },
    { "json/window-of-uneven-file-behind", INFO,
      J({ "driver" : "raw", "offset" : 5120, "file.filename" : "u.raw" }) },
    { "json/window-of-uneven-file-too-far", INFO,
      J({ "driver" : "raw", "offset" : 5121, "file.filename" : "u.raw" }) },
    { "json/window-of-uneven-file-too-long", INFO,
      J({ "driver" : "raw", "offset" : 100, "size" : 5120, "file.filename" : "u.raw" }) },
    { "json/window-of-uneven-window", INFO, J({
          "driver" : "raw",
          "offset" : 512,
          "size" : 4608,
          "file" : { "driver" : "raw", "offset" : 0, "file.filename" : "u.raw" }
      }) },
    { "json/number-of-64-bits", INFO,
      J({ "driver" : "raw", "offset" : 18446744073709551615, "file.filename" : "r.raw" }) },
    { "json/number-above-64-bits", INFO,
      J({ "driver" : "raw", "offset" : 18446744073709551616, "file.filename" : "r.raw" }) },
    { "json/empty-size", INFO, J({ "driver" : "raw", "size" : {}, "file.filename" : "r.raw" }) },
    { "json/empty-offset", INFO,
      J({ "driver" : "raw", "offset" : [], "file.filename" : "r.raw" }) },
    { "json/bad/empty-unknown", INFO,
      J({ "driver" : "raw", "bogus" : {}, "file.filename" : "r.raw" }) },
    { "json/bad/empty-list-unknown", INFO,
      J({ "driver" : "raw", "bogus" : [ [], [ {} ] ], "file.filename" : "r.raw" }) },
    { "json/bad/empty-key", INFO, J({ "driver" : "raw", "" : {}, "file.filename" : "r.raw" }) },
    { "json/bad/empty-backing", INFO,
      J({ "driver" : "qcow2", "backing" : {}, "file.filename" : "ov.qcow2" }) },
    { "json/bad/empty-for-file", INFO,
      J({ "driver" : "file", "filename" : "r.raw", "bogus" : {} }) },
    { "json/bad/key-by-number", INFO, "json:{'driver':'raw','\\u0061':1,'file.filename':'r.raw'}" },
    { "json/quote-in-single-quotes", INFO, "json:{'driver':'raw','file':{'filename':'it\\'s'}}" },
    { "json/overrides-format", AS_RAW, J({ "driver" : "qcow2", "file.filename" : "q.qcow2" }) },
    { "json/format-added", AS_QCOW2, J({ "file.filename" : "r.raw" }) },

    { "json/bad/no-driver-no-file", INFO, J({ "filename" : "q.qcow2" }) },
    { "json/bad/no-file", INFO, J({ "driver" : "qcow2" }) },
    { "json/bad/file-null", INFO, J({ "driver" : "raw", "file" : null }) },
    { "json/bad/file-reference", INFO, J({ "driver" : "raw", "file" : "x" }) },
    { "json/bad/file-empty", INFO, J({ "driver" : "raw", "file" : {} }) },
    { "json/bad/file-list", INFO, J({ "driver" : "raw", "file" : [ { "filename" : "r.raw" } ] }) },
    { "json/bad/file-no-name", INFO, J({ "driver" : "raw", "file" : { "driver" : "file" } }) },
    { "json/bad/file-name-empty", INFO,
      J({ "driver" : "raw", "file" : { "driver" : "file", "filename" : "" } }) },
    { "json/bad/file-name-number", INFO,
      J({ "driver" : "raw", "file" : { "driver" : "file", "filename" : 1 } }) },
    { "json/bad/driver-number", INFO, J({ "driver" : 1 }) },
    { "json/bad/driver-unknown", INFO, J({ "driver" : "bogus", "file.filename" : "r.raw" }) },
    { "json/bad/file-driver-unknown", INFO,
      J({ "driver" : "raw", "file" : { "driver" : "bogus", "filename" : "r.raw" } }) },
    { "json/bad/option-unknown", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "bogus" : 1 }) },
    { "json/bad/options-unknown", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "bogus" : 1, "bogus2" : 2 }) },
    { "json/bad/file-option-unknown", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "file.bogus" : 1 }) },
    { "json/bad/missing-before-unknown", INFO,
      J({ "driver" : "raw", "file.filename" : "nonexist", "bogus" : 1 }) },
    { "json/bad/list", INFO, "json:[]" },
    { "json/bad/number", INFO, "json:1" },
    { "json/bad/string", INFO, "json:\"x\"" },
    { "json/bad/nothing", INFO, "json:" },
    { "json/bad/empty", INFO, "json:{}" },
    { "json/bad/two-values", INFO, "json:{} x" },
    { "json/bad/duplicate", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "driver" : "qcow2" }) },
    { "json/bad/no-colon", INFO, "json:{\"a\"}" },
    { "json/bad/no-value", INFO, "json:{\"a\":}" },
    { "json/bad/no-comma", INFO, "json:{\"a\":1 \"b\":2}" },
    { "json/bad/bare-word", INFO, "json:nul" },

    { "raw/offset", INFO, J({ "driver" : "raw", "file.filename" : "r.raw", "offset" : 512 }) },
    { "raw/offset-size", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "offset" : 512, "size" : 1024 }) },
    { "raw/offset-text", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "offset" : "1k" }) },
    { "raw/offset-odd", INFO, J({ "driver" : "raw", "file.filename" : "r.raw", "offset" : 1 }) },
    { "raw/offset-null", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "offset" : null }) },
    { "raw/offset-whole-double", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "offset" : 1.0 }) },
    { "raw/offset-negative", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "offset" : -1 }) },
    { "raw/offset-word", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "offset" : "abc" }) },
    { "raw/offset-fraction", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "offset" : 1.5 }) },
    { "raw/offset-bool", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "offset" : true }) },
    { "raw/offset-behind", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "offset" : 10000000000 }) },
    { "raw/size-behind", INFO,
      J({ "driver" : "raw", "file.filename" : "r.raw", "size" : 10000000000 }) },
    { "raw/size-odd", INFO, J({ "driver" : "raw", "file.filename" : "r.raw", "size" : 1000 }) },
    { "raw/map-offset", MAP,
      J({ "driver" : "raw", "file.filename" : "data.raw", "offset" : 512 }) },
    { "raw/map-window", MAP,
      J({ "driver" : "raw", "file.filename" : "data.raw", "offset" : 4096, "size" : 8192 }) },

    { "node/locking-off", INFO, J({
          "driver" : "raw",
          "file" : { "driver" : "file", "filename" : "r.raw", "locking" : "off" }
      }) },
    { "node/locking-bogus", INFO, J({
          "driver" : "raw",
          "file" : { "driver" : "file", "filename" : "r.raw", "locking" : "bogus" }
      }) },
    { "node/aio-native", INFO, J({
          "driver" : "raw",
          "file" : { "driver" : "file", "filename" : "r.raw", "aio" : "native" }
      }) },
    { "node/aio-threads", INFO, J({
          "driver" : "raw",
          "file" : { "driver" : "file", "filename" : "r.raw", "aio" : "threads" }
      }) },
    { "node/drop-cache", INFO, J({
          "driver" : "raw",
          "file" : { "driver" : "file", "filename" : "r.raw", "drop-cache" : true }
      }) },
    { "node/pr-manager", INFO, J({
          "driver" : "raw",
          "file" : { "driver" : "file", "filename" : "r.raw", "pr-manager" : "x" }
      }) },
    { "node/cache-direct", INFO,
      J({ "driver" : "raw", "cache.direct" : "on", "file.filename" : "r.raw" }) },
    { "node/cache-nested", INFO,
      J({ "driver" : "raw", "cache" : { "direct" : true }, "file.filename" : "r.raw" }) },
    { "node/cache-bogus", INFO,
      J({ "driver" : "raw", "cache.bogus" : "on", "file.filename" : "r.raw" }) },
    { "node/cache-number", INFO,
      J({ "driver" : "raw", "cache.direct" : 1, "file.filename" : "r.raw" }) },
    { "node/cache-null", INFO,
      J({ "driver" : "raw", "cache.direct" : null, "file.filename" : "r.raw" }) },
    { "node/read-only", INFO,
      J({ "driver" : "raw", "read-only" : false, "file.filename" : "r.raw" }) },
    { "node/auto-read-only", INFO,
      J({ "driver" : "raw", "auto-read-only" : true, "file.filename" : "r.raw" }) },
    { "node/discard", INFO,
      J({ "driver" : "raw", "discard" : "unmap", "file.filename" : "r.raw" }) },
    { "node/discard-bogus", INFO,
      J({ "driver" : "raw", "discard" : "bogus", "file.filename" : "r.raw" }) },
    { "node/detect-zeroes", INFO,
      J({ "driver" : "raw", "detect-zeroes" : "on", "file.filename" : "r.raw" }) },
    { "node/detect-zeroes-unmap", INFO,
      J({ "driver" : "raw", "detect-zeroes" : "unmap", "file.filename" : "r.raw" }) },
    { "node/detect-zeroes-bogus", INFO,
      J({ "driver" : "raw", "detect-zeroes" : "bogus", "file.filename" : "r.raw" }) },
    { "node/force-share", INFO,
      J({ "driver" : "raw", "force-share" : true, "file.filename" : "r.raw" }) },
    { "node/name", INFO, J({ "driver" : "raw", "node-name" : "x", "file.filename" : "r.raw" }) },
    { "node/name-bad", INFO,
      J({ "driver" : "raw", "node-name" : "x y", "file.filename" : "r.raw" }) },

    { "qcow2/lazy-refcounts", INFO,
      J({ "driver" : "qcow2", "lazy-refcounts" : true, "file.filename" : "q.qcow2" }) },
    { "qcow2/lazy-refcounts-v2", INFO,
      J({ "driver" : "qcow2", "lazy-refcounts" : true, "file.filename" : "v2.qcow2" }) },
    { "qcow2/lazy-refcounts-bogus", INFO,
      J({ "driver" : "qcow2", "lazy-refcounts" : "bogus", "file.filename" : "q.qcow2" }) },
    { "qcow2/l2-cache-size", INFO,
      J({ "driver" : "qcow2", "l2-cache-size" : "1M", "file.filename" : "q.qcow2" }) },
    { "qcow2/l2-above-total", INFO, J({
          "driver" : "qcow2",
          "cache-size" : 1048576,
          "l2-cache-size" : 9999999,
          "file.filename" : "q.qcow2"
      }) },
    { "qcow2/refcount-above-total", INFO, J({
          "driver" : "qcow2",
          "cache-size" : 1048576,
          "refcount-cache-size" : 9999999,
          "file.filename" : "q.qcow2"
      }) },
    { "qcow2/three-cache-sizes", INFO, J({
          "driver" : "qcow2",
          "cache-size" : 1048576,
          "refcount-cache-size" : 1,
          "l2-cache-size" : 1,
          "file.filename" : "q.qcow2"
      }) },
    { "qcow2/entry-size", INFO,
      J({ "driver" : "qcow2", "l2-cache-entry-size" : 4096, "file.filename" : "q.qcow2" }) },
    { "qcow2/entry-size-bad", INFO,
      J({ "driver" : "qcow2", "l2-cache-entry-size" : 100, "file.filename" : "q.qcow2" }) },
    { "qcow2/clean-interval", INFO,
      J({ "driver" : "qcow2", "cache-clean-interval" : 10, "file.filename" : "q.qcow2" }) },
    { "qcow2/clean-interval-negative", INFO,
      J({ "driver" : "qcow2", "cache-clean-interval" : -1, "file.filename" : "q.qcow2" }) },
    { "qcow2/overlap-check", INFO,
      J({ "driver" : "qcow2", "overlap-check" : "all", "file.filename" : "q.qcow2" }) },
    { "qcow2/overlap-check-bogus", INFO,
      J({ "driver" : "qcow2", "overlap-check" : "bogus", "file.filename" : "q.qcow2" }) },
    { "qcow2/overlap-check-conflict", INFO, J({
          "driver" : "qcow2",
          "overlap-check" : "none",
          "overlap-check.template" : "all",
          "file.filename" : "q.qcow2"
      }) },
    { "qcow2/overlap-check-area", INFO,
      J({ "driver" : "qcow2", "overlap-check.main-header" : true, "file.filename" : "q.qcow2" }) },
    { "qcow2/overlap-check-area-bogus", INFO,
      J({ "driver" : "qcow2", "overlap-check.bogus" : true, "file.filename" : "q.qcow2" }) },
    { "qcow2/pass-discard", INFO,
      J({ "driver" : "qcow2", "pass-discard-request" : true, "file.filename" : "q.qcow2" }) },
    { "qcow2/newer-option", INFO,
      J({ "driver" : "qcow2", "bogus-no-unref" : true, "file.filename" : "q.qcow2" }) },
    { "qcow2/encrypt-format", INFO,
      J({ "driver" : "qcow2", "encrypt" : { "format" : "luks" }, "file.filename" : "q.qcow2" }) },
    { "qcow2/encrypt-secret", INFO,
      J({ "driver" : "qcow2", "encrypt.key-secret" : "x", "file.filename" : "q.qcow2" }) },

    { "backing/null", INFO,
      J({ "driver" : "qcow2", "backing" : null, "file.filename" : "ov.qcow2" }) },
    { "backing/empty", INFO,
      J({ "driver" : "qcow2", "backing" : "", "file.filename" : "ov.qcow2" }) },
    { "backing/not-for-info", INFO, J({
          "driver" : "qcow2",
          "backing" : { "driver" : "raw", "file" : { "filename" : "r.raw" } },
          "file.filename" : "ov.qcow2"
      }) },
    { "backing/map-null", MAP,
      J({ "driver" : "qcow2", "backing" : null, "file.filename" : "ov.qcow2" }) },
    { "backing/map-other", MAP, J({
          "driver" : "qcow2",
          "backing" : { "driver" : "raw", "file" : { "filename" : "data.raw" } },
          "file.filename" : "ov.qcow2"
      }) },
    { "backing/map-format", MAP,
      J({ "driver" : "qcow2", "backing" : { "driver" : "raw" }, "file.filename" : "ov.qcow2" }) },
    { "backing/map-node", MAP,
      J({ "driver" : "qcow2", "backing" : "x", "file.filename" : "ov.qcow2" }) },
    { "backing/map-added", MAP, J({
          "driver" : "qcow2",
          "backing" : { "file.filename" : "data.raw" },
          "file.filename" : "q.qcow2"
      }) },
    { "backing/map-missing", MAP, J({
          "driver" : "qcow2",
          "backing" : { "file.filename" : "nonexist" },
          "file.filename" : "ov.qcow2"
      }) },
    { "backing/map-unknown-option", MAP,
      J({ "driver" : "qcow2", "backing" : { "bogus" : "x" }, "file.filename" : "ov.qcow2" }) },
    { "backing/map-raw", MAP, J({
          "driver" : "raw",
          "backing" : { "file.filename" : "r.raw" },
          "file.filename" : "ov.qcow2"
      }) },

    { "data-file/given", INFO, J({
          "driver" : "qcow2",
          "data-file" : { "driver" : "file", "filename" : "df.raw" },
          "file.filename" : "df.qcow2"
      }) },
    { "data-file/map", MAP, "df.qcow2" },
    { "data-file/map-missing", MAP, J({
          "driver" : "qcow2",
          "data-file" : { "filename" : "nonexist" },
          "file.filename" : "df.qcow2"
      }) },
    { "data-file/map-node", MAP,
      J({ "driver" : "qcow2", "data-file" : "x", "file.filename" : "df.qcow2" }) },
    { "data-file/map-unwanted", MAP, J({
          "driver" : "qcow2",
          "data-file" : { "filename" : "df.raw" },
          "file.filename" : "q.qcow2"
      }) },

    { "opts/qcow2", OPTS, "driver=qcow2,file.filename=q.qcow2" },
    { "opts/probed", OPTS, "file.filename=q.qcow2" },
    { "opts/protocol-on-top", OPTS, "driver=file,filename=q.qcow2" },
    { "opts/offset", OPTS, "driver=raw,file.filename=r.raw,offset=512" },
    { "opts/offset-size", OPTS, "driver=raw,file.filename=r.raw,offset=1k,size=1k" },
    { "opts/offset-hex", OPTS, "driver=raw,file.filename=r.raw,offset=0x200" },
    { "opts/offset-fraction", OPTS, "driver=raw,file.filename=r.raw,offset=1.5k" },
    { "opts/offset-word", OPTS, "driver=raw,file.filename=r.raw,offset=abc" },
    { "opts/offset-huge", OPTS, "driver=raw,file.filename=r.raw,offset=16E" },
    { "opts/offset-empty", OPTS, "driver=raw,file.filename=r.raw,offset=" },
    { "opts/number-suffix", OPTS, "driver=qcow2,file.filename=q.qcow2,cache-clean-interval=1k" },
    { "opts/comma", OPTS, "driver=raw,file.filename=we,,ird" },
    { "opts/comma-single", OPTS, "driver=raw,file.filename=we,ird" },
    { "opts/comma-last", OPTS, "driver=raw,file.filename=r.raw," },
    { "opts/comma-double-key", OPTS, "driver=raw,,file.filename=r.raw" },
    { "opts/comma-first", OPTS, ",driver=raw,file.filename=r.raw" },
    { "opts/last-wins", OPTS, "driver=raw,file.filename=r.raw,driver=qcow2" },
    { "opts/no-value", OPTS, "driver=raw,file.filename=r.raw,read-only" },
    { "opts/no-value-no", OPTS, "driver=raw,file.filename=r.raw,noread-only" },
    { "opts/no-value-unknown", OPTS, "driver=raw,file.filename=r.raw,bogus" },
    { "opts/file-no-value", OPTS, "driver=raw,file.filename" },
    { "opts/implied-file", OPTS, "q.qcow2" },
    { "opts/empty", OPTS, "" },
    { "opts/no-key", OPTS, "=x" },
    { "opts/file-reference", OPTS, "file=x" },
    { "opts/file-empty", OPTS, "file=" },
    { "opts/file-no-key", OPTS, "driver=raw,file.=r.raw" },
    { "opts/key-no-prefix", OPTS, "driver=raw,.file=r.raw" },
    { "opts/driver-unknown", OPTS, "driver=bogus,file.filename=r.raw" },
    { "opts/driver-empty", OPTS, "driver=,file.filename=r.raw" },
    { "opts/help", OPTS, "help" },
    { "opts/id", OPTS, "id=x,driver=raw,file.filename=r.raw" },
    { "opts/id-bad", OPTS, "id=1x,driver=raw,file.filename=r.raw" },
    { "opts/bool-words", OPTS, "driver=raw,file.filename=r.raw,cache.direct=yes" },
    { "opts/bool-bad", OPTS, "driver=raw,file.filename=r.raw,cache.direct=ON" },
    { "opts/colon-is-plain", OPTS, "file.filename=a:b" },
    { "opts/share", OPTS_U, "driver=raw,file.filename=r.raw" },
    { "opts/share-on", OPTS_U, "driver=raw,file.filename=r.raw,force-share=on" },
    { "opts/share-off", OPTS_U, "driver=raw,file.filename=r.raw,force-share=off" },
    { "opts/share-yes", OPTS_U, "driver=raw,file.filename=r.raw,force-share=yes" },
    { "opts/backing-empty", OPTS, "driver=qcow2,file.filename=ov.qcow2,backing=" },
    { "opts/backing-word", OPTS, "driver=qcow2,file.filename=ov.qcow2,backing=null" },
    { "opts/name-in-json", OPTS, "driver=raw,offset=0,file.filename=\303\274\"x\\y" },
    { "opts/data-file", OPTS,
      "driver=qcow2,data-file.driver=file,data-file.filename=df.raw,file.filename=df.qcow2" },
};

static gboolean have_qemu;

static void test_name(gconstpointer data)
{
    const NameRow *row = data;
    const char *argv[6] = { NULL };
    char *out[2], *err[2];
    int status[2];
    guint n = 1;

    if (!have_qemu) {
        g_test_skip("no qemu-img here");
        return;
    }
    for (guint i = 0; i < 3 && use_words[row->use][i] != NULL; i++) {
        argv[n++] = use_words[row->use][i];
    }
    argv[n] = row->name;
    for (guint i = 0; i < 2; i++) {
        argv[0] = i == 0 ? "qemu-img" : "./bin/qemu-img";
        status[i] = test_spawn(argv, &out[i], &err[i]);
    }
    g_assert_cmpstr(out[1], ==, out[0]);
    g_assert_cmpstr(err[1], ==, err[0]);
    g_assert_cmpint(status[1], ==, status[0]);
    for (guint i = 0; i < 2; i++) {
        g_free(out[i]);
        g_free(err[i]);
    }
}

static void make_files(void)
{
    const char *script =
        "qemu-img create -q -f raw r.raw 1M && qemu-img create -q -f qcow2 q.qcow2 1M && "
        "qemu-img create -q -f qcow2 -o compat=0.10 v2.qcow2 1M && "
        "qemu-img create -q -f qcow2 -b q.qcow2 -F qcow2 ov.qcow2 && "
        "qemu-img create -q -f qcow2 -o data_file=df.raw df.qcow2 1M && "
        "qemu-img create -q -f raw data.raw 1M && "
        "qemu-io -f raw -c 'write -P 1 8k 4k' -c 'write -P 2 512k 64k' data.raw >/dev/null && "
        "cp r.raw a:b && head -c 5000 /dev/zero >u.raw && cp r.raw \"it's\" && cp r.raw file:x && "
        "cp r.raw we,ird && cp r.raw '\303\274\"x\\y' && "
        "mkdir dir bin && ln -s \"$INSTAR_IMG\" bin/qemu-img";

    test_shell(script);
}

int main(int argc, char **argv)
{
    g_autofree char *img = g_find_program_in_path("qemu-img");
    g_autofree char *io = g_find_program_in_path("qemu-io");

    g_test_init(&argc, &argv, NULL);
    /* The rows hold for the version they were made with. */
    have_qemu = img != NULL && io != NULL && g_str_has_prefix(INSTAR_QEMU_VERSION, "7.2.");
    if (have_qemu) {
        make_files();
    }
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strconcat("/image-names/", rows[i].path, NULL);
        g_test_add_data_func(path, &rows[i], test_name);
    }
    return g_test_run();
}
