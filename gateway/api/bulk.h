/* What the files of acts on many certificates share. No other room includes it. */
#ifndef GATEHOUSE_API_BULK_H
#define GATEHOUSE_API_BULK_H

#include "api/handlers.h"
#include "ca/bulk.h"

/* certificate_batch.c: "action" and what belongs to it. */
MUST_USE bool certificate_act_read(const struct json *document, struct certificate_act *ret, struct error *err);

/* certificate_export.c */
void export_csv_head(struct buffer *out, struct arena *arena);
void export_csv_row(struct buffer *out, struct arena *arena, const struct certificate_record *certificate);
const char *export_pem_name(struct arena *arena, const struct certificate_record *certificate);
void export_note(struct core *core, const struct http_request *request, const char *format, size_t count);

/* bulk_file.c: the file of a finished export, made while it is sent. */
enum export_format { EXPORT_CSV, EXPORT_JSON, EXPORT_ZIP };
MUST_USE bool export_format_read(const struct json *document, enum export_format *ret, struct error *err);
MUST_USE bool export_stream(struct core *core, struct http_request *request, struct http_response *response,
                            const struct bulk_job *job, enum export_format format, struct error *err);

#endif
