/*
 * What all messages of CMS share (RFC 5652): the ContentInfo around them, and
 * IssuerAndSerialNumber, by which they name certificates: octet for octet as the
 * certificate has them. Strict DER, both ways. Pure functions.
 */
#pragma once

#include "base/bytes.h"

/* Contents of OIDs. rsaEncryption is the plain name of RSA in PKCS #1 v1.5, of signatures and of encrypted keys. */
extern const struct bytes cms_data_oid, cms_signed_data_oid, cms_enveloped_data_oid, cms_rsa_oid;

/* This content of an AlgorithmIdentifier names this algorithm, with NULL for its parameters or without any. */
bool cms_is_algorithm(struct bytes algorithm, struct bytes oid);

/* ContentInfo of this type (section 3) around a SEQUENCE, whose content it is. False also for bytes behind the end. */
bool cms_open(struct bytes der, struct bytes type, struct bytes *content);
/* The same for writing: `content`, of a SEQUENCE, with all that goes around it. */
struct bytes cms_wrap(struct arena *arena, struct bytes type, struct bytes content);

/* This content of an IssuerAndSerialNumber (section 10.2.4) names this certificate. */
bool cms_names(struct bytes issuer_and_serial, struct bytes certificate);
/* Writes the whole value; false, and nothing is written: that is no certificate. */
bool cms_put_name(struct buf *out, struct bytes certificate);
/* SubjectPublicKeyInfo of a certificate, whole; false: it is none. */
bool cms_spki(struct bytes certificate, struct bytes *spki);
