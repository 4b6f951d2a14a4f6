/* The log: a checkpoint now, and a proof for one certificate. */
#include "protocols/api/api_handlers.h"

#include "base/json.h"
#include "ca/audit.h"

result api_audit_checkpoint(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	(void)call;
	char *text;
	struct json_writer w;
	TRY(audit_checkpoint(op, a, true, &text));
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "checkpoint", text);
	json_write_object_end(&w);
	api_reply_json(reply, &w);
	return OK;
}

result api_audit_prove(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	const char *serial = NULL;
	char *json;
	TRY(api_read_serial(op, call->params[0], &serial));
	TRY(audit_prove(op, a, serial, &json));
	reply->status = 200;
	reply->content_type = "application/json";
	reply->body = bytes_of_text(json);
	return OK;
}
