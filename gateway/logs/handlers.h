/* The handlers of this room. */
#ifndef GATEHOUSE_LOGS_HANDLERS_H
#define GATEHOUSE_LOGS_HANDLERS_H

#include "ca/core.h"
#include "rest/handler.h"

/* levels.c */
HANDLER(log_levels_show);
HANDLER(log_levels_set);
/* lines.c */
HANDLER(log_lines_read);

#endif
