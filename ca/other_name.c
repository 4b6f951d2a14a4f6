/* Each shape once for the reader and once for the writer, side by side. */
#include "ca/other_name.h"

/* szOID_NT_PRINCIPAL_NAME 1.3.6.1.4.1.311.20.2.3, szOID_NTDS_OBJECTSID 1.3.6.1.4.1.311.25.2.1 */
const struct other_name_type other_name_upn = { BYTES_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03"), DER_UTF8_STRING };
const struct other_name_type other_name_sid = { BYTES_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x19\x02\x01"), DER_OCTET_STRING };

void other_name_put(struct buf *out, const struct other_name_type *type, struct bytes text)
{
	size_t name = der_open(out, DER_CONTEXT_CONSTRUCTED(0));
	der_put(out, DER_OID, type->oid);
	size_t value = der_open(out, DER_CONTEXT_CONSTRUCTED(0));
	der_put(out, type->tag, text);
	der_close(out, value);
	der_close(out, name);
}

bool other_name_read(const struct der_value *general_name, const struct other_name_type *type, struct bytes *text)
{
	struct bytes in = general_name->content, oid, value;
	return general_name->tag == DER_CONTEXT_CONSTRUCTED(0) && der_take(&in, DER_OID, &oid) && bytes_equal(oid, type->oid) &&
	       der_take(&in, DER_CONTEXT_CONSTRUCTED(0), &value) && in.n == 0 && der_take(&value, type->tag, text) &&
	       value.n == 0;
}

void sid_extension_put(struct buf *out, struct bytes sid)
{
	size_t names = der_open(out, DER_SEQUENCE);
	other_name_put(out, &other_name_sid, sid);
	der_close(out, names);
}

bool sid_extension_read(struct bytes value, struct bytes *sid)
{
	struct bytes names;
	struct der_value name;
	return der_is_strict(value) && der_take(&value, DER_SEQUENCE, &names) && der_next(&names, &name) && names.n == 0 &&
	       other_name_read(&name, &other_name_sid, sid);
}
