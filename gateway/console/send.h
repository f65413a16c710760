/* Sending a file of a tree in memory: compressed to who takes that, 304 to who has it. Also for the public pages. */
#ifndef GATEHOUSE_CONSOLE_SEND_H
#define GATEHOUSE_CONSOLE_SEND_H

#include "console/files.h"
#include "http/types.h"

/* policy: the Content-Security-Policy. */
void files_send(const struct http_request *request, struct http_response *response, const struct file *file,
                const char *policy);

#endif
