/*
 * Microsoft's services behind the courier of tests (fake_courier.h): token
 * endpoint, Graph, and the two services of Intune. Each answers well unless a
 * test says otherwise, counts its requests and keeps the last one. What its own
 * client would always send is checked here, with every request.
 */
#pragma once

#include "tests/fake/fake_courier.h"

#define MICROSOFT_LOGIN "https://login.example"
#define MICROSOFT_GRAPH "https://graph.example"
#define MICROSOFT_RESOURCE "https://api.manage.example/"
#define MICROSOFT_TENANT "example.onmicrosoft.com"
#define MICROSOFT_VALIDATION "https://fef.example/RACerts/StatelessScepRequestValidationService"
#define MICROSOFT_CONNECTOR "https://fef.example/RACerts/StatelessPkiConnectorService"

enum microsoft_door {
	MICROSOFT_TOKENS,
	MICROSOFT_SERVICES, /* Graph's list */
	MICROSOFT_VALIDATE,
	MICROSOFT_SUCCESS,
	MICROSOFT_FAILURE,
	MICROSOFT_DOWNLOAD,
	MICROSOFT_UPLOAD,
	MICROSOFT_DOORS
};

/* Where `status` is 0 the door answers as it should. */
struct microsoft_answer {
	unsigned status;
	const char *body;
	const char *content_type; /* NULL: JSON; "": none */
	const char *retry_after;
	bool is_away;             /* no answer at all, ERR_BACKEND */
};

struct microsoft {
	struct arena *arena;
	struct microsoft_answer answers[MICROSOFT_DOORS];
	unsigned n[MICROSOFT_DOORS];
	const char *body[MICROSOFT_DOORS]; /* of the last request */
	const char *authorization[MICROSOFT_DOORS]; /* of the last request */
	int64_t timeout_ms;                /* of the last request */
	const char *proxy;
	struct bytes trust;
	int64_t token_lifetime_s;
	bool is_impatient; /* every access token but the newest one is refused, and that one after `n_uses` */
	unsigned n_uses;
	/* Runs before the answer; NULL: nothing. */
	void (*during)(void *arg, enum microsoft_door door);
	void *during_arg;
};

void microsoft_open(struct microsoft *microsoft);
void microsoft_close(struct microsoft *microsoft);
