/* CMS handles that the scope frees, in the manner of x509/handles.h. */
#ifndef GATEHOUSE_AGENT_CMS_HANDLES_H
#define GATEHOUSE_AGENT_CMS_HANDLES_H

#include "wire/messages.h"
#include "x509/handles.h"

#include <openssl/cms.h>

DEFINE_AUTO(CMS_ContentInfo, CMS_ContentInfo_free)

/* Appends the DER of a finished structure. */
MUST_USE bool cms_write(CMS_ContentInfo *cms, struct wire_buffer *out, struct error *err);
/* The whole of the bytes is one ContentInfo, or NULL. */
CMS_ContentInfo *cms_read(struct view bytes);
/* What was written into a memory BIO. */
struct view cms_content(BIO *bio);

#endif
