/* CAs: list, one in full, and a CRL now. */
#include "protocols/api/api_handlers.h"

#include "base/clock.h"
#include "base/json.h"
#include "ca/crl.h"

void api_reply_json(struct reply *reply, struct json_writer *w)
{
	reply->status = 200;
	reply->content_type = "application/json";
	reply->body = json_write_done(w);
}

static result write_latest_crl(struct op *op, struct authority *a, const struct ca *ca, struct json_writer *w)
{
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	struct crl_row crl;
	result r = crl_load_latest_times(op, lease.db, ca->name, &crl);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		return OK;
	}
	TRY(r);
	json_write_integer(w, "crl_number", (int64_t)crl.number);
	json_write_text(w, "crl_this_update", clock_rfc3339(op->arena, crl.this_update_s));
	json_write_text(w, "crl_next_update", clock_rfc3339(op->arena, crl.next_update_s));
	return OK;
}

static result write_ca(struct op *op, struct authority *a, const struct ca *ca, bool is_full, struct json_writer *w)
{
	uint8_t fingerprint[SHA256_SIZE];
	bytes_sha256(ca->der, fingerprint);
	const char *base = config_http_base(op->arena, authority_config(a));
	json_write_text(w, "name", ca->name);
	json_write_text(w, "parent", ca->parent != NULL ? ca->parent->name : NULL);
	json_write_text(w, "key", ca->key.label);
	json_write_text(w, "key_type", key_type_name(ca->key.type));
	json_write_text(w, "not_before", clock_rfc3339(op->arena, ca->not_before_s));
	json_write_text(w, "not_after", clock_rfc3339(op->arena, ca->not_after_s));
	json_write_text(w, "sha256", bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(fingerprint)));
	json_write_text(w, "certificate_url", arena_printf(op->arena, "%s/ca/%s.cer", base, ca->name));
	json_write_text(w, "crl_url", arena_printf(op->arena, "%s/crl/%s.crl", base, ca->name));
	json_write_text(w, "ocsp_url", arena_printf(op->arena, "%s/ocsp/%s", base, ca->name));
	TRY(write_latest_crl(op, a, ca, w));
	if (is_full)
		json_write_text(w, "certificate", bytes_to_base64(op->arena, ca->der));
	return OK;
}

result api_ca_list(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	(void)call;
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_array(&w, NULL);
	for (unsigned i = 0; i < a->hierarchy->n; i++) {
		json_write_object(&w, NULL);
		TRY(write_ca(op, a, &a->hierarchy->cas[i], false, &w));
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	api_reply_json(reply, &w);
	return OK;
}

static result find_ca(struct op *op, struct authority *a, struct bytes name, const struct ca **out)
{
	const char *text = arena_text_n(op->arena, (const char *)name.p, name.n);
	*out = hierarchy_find(a->hierarchy, text);
	if (*out == NULL)
		return FAIL(op, ERR_NOT_FOUND, "there is no CA %s; see: chancery ca list", text);
	return OK;
}

result api_ca_show(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	const struct ca *ca;
	struct json_writer w;
	TRY(find_ca(op, a, call->params[0], &ca));
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	TRY(write_ca(op, a, ca, true, &w));
	json_write_object_end(&w);
	api_reply_json(reply, &w);
	return OK;
}

result api_crl_publish(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	const struct ca *ca;
	struct crl_row crl;
	struct json_writer w;
	TRY(find_ca(op, a, call->params[0], &ca));
	TRY(crl_publish(op, a, ca, &crl));
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "ca", ca->name);
	json_write_integer(&w, "number", (int64_t)crl.number);
	json_write_text(&w, "this_update", clock_rfc3339(op->arena, crl.this_update_s));
	json_write_text(&w, "next_update", clock_rfc3339(op->arena, crl.next_update_s));
	json_write_object_end(&w);
	api_reply_json(reply, &w);
	return OK;
}
