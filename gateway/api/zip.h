/* A ZIP archive (APPNOTE 6.3), stored without compression: certificates hardly shrink. */
#ifndef GATEHOUSE_API_ZIP_H
#define GATEHOUSE_API_ZIP_H

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

#endif
