/* A ZIP archive (APPNOTE 6.3), stored without compression: certificates hardly shrink. */
#ifndef GATEHOUSE_REST_ZIP_H
#define GATEHOUSE_REST_ZIP_H

#include "base/buffer.h"

#define ZIP_MAX_FILES 65535 /* without ZIP64 */

struct zip {
    struct buffer out, directory;
    unsigned count;
};
struct zip zip_on(struct arena *arena);
/* The name is ASCII; sizes stay far below 4 GiB. */
void zip_add(struct zip *zip, const char *name, struct view content);
struct view zip_end(struct zip *zip);

/* The same for archives that are sent as they are made, of any size (APPNOTE 4.3.14, ZIP64): the directory waits in a
 * temporary file. */
struct zip_stream;
MUST_USE bool zip_stream_on(struct arena *arena, struct zip_stream **ret, struct error *err);
/* What is to be sent of one file. */
MUST_USE bool zip_stream_add(struct zip_stream *zip, struct buffer *out, const char *name, struct view content,
                             struct error *err);
/* After the last: piece by piece what is to be sent, until *ret_over. */
MUST_USE bool zip_stream_end(struct zip_stream *zip, struct buffer *out, bool *ret_over, struct error *err);

#endif
