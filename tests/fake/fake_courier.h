/*
 * Stands in for libcourier.a by the linker. Probes are kept until the test
 * answers them, on the thread that the test calls from; nothing leaves the
 * machine. One courier per process. Any thread.
 */
#pragma once

#include "courier/courier.h"

/* Probes that wait for an answer, oldest first. */
unsigned fake_courier_waiting(void);
const char *fake_courier_host(unsigned i);
const char *fake_courier_token(unsigned i);
/* Answers the oldest one. NULL: the courier is lost. */
void fake_courier_answer(const struct probe_reply *reply);

/* What courier_call is answered with, on the thread that calls. Without one it fails with ERR_BUSY. */
typedef result fake_courier_service(struct op *op, void *arg, const struct courier_request *request,
				    struct courier_response *out);
void fake_courier_serve(fake_courier_service *service, void *arg);

/* True: courier_http01 and courier_call fail with ERR_BUSY, as when the process is gone. */
void fake_courier_set_gone(bool is_gone);
