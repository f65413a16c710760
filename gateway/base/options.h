/* One option table per program: parser, --help and the reference page are made from it.
 * A value comes from: default < configuration file < environment < command line (the later wins).
 *
 * File: `name = value` lines, `#` comments. Environment: PREFIX_NAME with dashes as underscores.
 * Command line: `--name value` or `--name=value`; a flag needs no value. A repeatable option collects its
 * values of the winning source, in order. */
#ifndef GATEHOUSE_BASE_OPTIONS_H
#define GATEHOUSE_BASE_OPTIONS_H

#include "base/arena.h"

enum option_type { OPTION_TEXT, OPTION_NUMBER, OPTION_FLAG, OPTION_LIST };

struct option_spec {
    const char *name;
    enum option_type type;
    const char *initial; /* default, or NULL for none */
    long min, max;       /* OPTION_NUMBER */
    const char *help;    /* one sentence */
};

struct options;

/* Reads everything. `specs` ends with a NULL name. argv holds the arguments after the subcommand; what is
 * no option is an error. The option "config" names the file; it is read when given. Unknown options and
 * values out of range are errors that name their source. The result lives on the arena. */
MUST_USE bool options_read(struct arena *arena, const struct option_spec *specs,
                           const char *env_prefix, int argc, char *const argv[],
                           struct options **ret_options, struct error *err);

const char *option_text(const struct options *options, const char *name); /* NULL: not set */
long option_number(const struct options *options, const char *name);
bool option_flag(const struct options *options, const char *name);
/* The i-th value of a list, or NULL past the end. */
const char *option_item(const struct options *options, const char *name, size_t i);

/* Where the value is from: "default", "file", "environment" or "command line". */
const char *option_source(const struct options *options, const char *name);

/* The value for eyes that may not see secrets: `mask` instead of ":password" in a URL. */
const char *option_masked(struct arena *arena, const char *value, const char *mask);

/* The text of --help for these options. */
const char *options_help(struct arena *arena, const struct option_spec *specs,
                         const char *env_prefix);
/* The same as a page of Markdown: a table with a row for each option. */
const char *options_reference(struct arena *arena, const struct option_spec *specs,
                              const char *env_prefix);

#endif
