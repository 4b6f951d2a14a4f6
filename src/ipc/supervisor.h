/*
 * The supervisor: starts the server, the signers and the courier, watches them,
 * and starts again what died. Holds no key and parses nothing from outside.
 *
 * It speaks to the server over the server's ROLE_FD: frames below, with
 * descriptors passed by SCM_RIGHTS. Signers log in one after the other: the next
 * is started when the one before has sent SUPERVISOR_READY, now and at every
 * restart, so that a wrong PIN costs one attempt and not N (F10). A role that
 * exits with ROLE_EXIT_FINAL ends the whole service with status 1.
 *
 * The server and the courier are started once signer 0 is ready, has failed in a
 * way that may pass (an HSM out of reach: CRLs must be served all the same), or
 * takes its time. A role that dies comes back after 100 ms, doubling up to 5 s
 * for as long as it lives less than 10 s. When the server dies all come back
 * with it: their sockets were its.
 *
 * The server finds out that a signer hangs (a call overran its deadline) and
 * asks for it to be killed and started again (SUPERVISOR_RECYCLE).
 */
#pragma once

#include "base/op.h"

enum supervisor_frame {
	SUPERVISOR_PEER = 1,    /* to server: u8 peer kind, u32 index; one descriptor: its new socket */
	SUPERVISOR_READY,       /* from server and signers: up and serving */
	SUPERVISOR_RECYCLE,     /* from server: u8 peer kind, u32 index: kill and start again */
	SUPERVISOR_RELOAD,      /* to server: SIGHUP */
	SUPERVISOR_STOP         /* to server: SIGTERM; drain and exit 0 */
};

enum peer_kind { PEER_SIGNER, PEER_COURIER };

/*
 * Runs until SIGTERM or SIGINT (then drains) or until a role is beyond help.
 * Returns the exit status. `signers` processes of that kind.
 */
int supervisor_run(struct op *op, const char *dir, unsigned signers);

/* The server's side of it. */
struct supervisor_link;
struct supervisor_events {
	void (*peer)(void *arg, enum peer_kind kind, unsigned index, int own_fd);
	void (*reload)(void *arg);
	void (*stop)(void *arg); /* SIGTERM, or the supervisor is gone; also while the link is closed, so maybe more than once */
	void *arg;
};
/* A thread of its own reads ROLE_FD (owned from here on) and calls `events`; they must not close the link. */
struct supervisor_link *supervisor_link_open(int own_fd, const struct supervisor_events *events);
void supervisor_link_ready(struct supervisor_link *link);
void supervisor_link_recycle(struct supervisor_link *link, enum peer_kind kind, unsigned index);
void supervisor_link_close(struct supervisor_link **link);
