/*
 * An https service on 127.0.0.1 with a certificate from a CA of its own, for
 * "svc.example" and 127.0.0.1, and an http proxy in front of it. What it answers
 * is by path; each connection has a thread, so that a silent one holds up no other.
 */
#pragma once

#include "base/op.h"

struct tls_service;

struct service_page {
	const char *path;
	const char *text;  /* the whole answer; NULL: none, until the client goes */
	const char *more;  /* sent after it for as long as anybody reads; "": nothing, and the connection stays; NULL: it ends */
};

/* `pages` ends with a NULL path, and answers for all that are not in it with 404. "/echo" gives the request back. */
struct tls_service *tls_service_start(const struct service_page *pages);
void tls_service_stop(struct tls_service **service);

unsigned tls_service_port(const struct tls_service *service);
unsigned tls_service_proxy_port(const struct tls_service *service);
struct bytes tls_service_trust(const struct tls_service *service); /* PEM of its CA */
/* Requests that came through TLS so far, and CONNECTs to the proxy; the last CONNECT's head. */
unsigned tls_service_requests(struct tls_service *service);
unsigned tls_service_connects(struct tls_service *service);
const char *tls_service_last_connect(struct tls_service *service);
