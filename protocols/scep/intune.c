/*
 * The links to Microsoft, and the sweep: the steward says when, a thread of the
 * lane that waits does it, so that a slow Microsoft holds up neither CRLs nor
 * signatures.
 */
#include "protocols/scep/intune.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "protocols/scep/intune_link.h"

#define SWEEP_MS 120000       /* of one sweep; what is left is still due then */
#define QUIET_S 30            /* after Microsoft could not be reached */
#define CLEAN_UP_S 3600
#define ABANDONED_S 15552000  /* 180 days: longer than any request waits */

struct intune *intune_new(struct authority *authority, struct lane *wait)
{
	const struct config *config = authority_config(authority);
	struct intune *intune = calloc(1, sizeof *intune);
	ASSERT(intune != NULL);
	intune->authority = authority;
	intune->wait = wait;
	ASSERT(pthread_mutex_init(&intune->turns_mutex, NULL) == 0);
	intune->arena = arena_new();
	intune->n_links = config->n_scep;
	intune->links = arena_alloc_array(intune->arena, config->n_scep + 1, sizeof *intune->links);
	for (unsigned i = 0; i < config->n_scep; i++) {
		struct intune_link *link = &intune->links[i];
		link->intune = intune;
		link->endpoint = arena_text(intune->arena, config->scep[i].name);
		ASSERT(pthread_mutex_init(&link->mutex, NULL) == 0);
	}
	return intune;
}

void intune_stop(struct intune *intune)
{
	atomic_store(&intune->is_stopping, true);
}

/* Called locked, or when nobody is left. */
static void link_forget(struct intune_link *link)
{
	for (unsigned i = 0; i < INTUNE_SCOPES; i++)
		secret_free(&link->tokens[i].secret);
	for (unsigned i = 0; i < INTUNE_SERVICES; i++) {
		free(link->places.urls[i]);
		link->places.urls[i] = NULL;
	}
	link->places.found_s = 0;
	link->quiet_until_s = 0;
	link->has_download = false;
}

void intune_free(struct intune **intune)
{
	struct intune *i = *intune;
	if (i == NULL)
		return;
	for (unsigned n = 0; n < i->n_links; n++) {
		link_forget(&i->links[n]);
		pthread_mutex_destroy(&i->links[n].mutex);
	}
	pthread_mutex_destroy(&i->turns_mutex);
	arena_free(&i->arena);
	free(i);
	*intune = NULL;
}

result intune_link_of(struct op *op, struct intune *intune, const struct config_scep *endpoint, struct intune_link **out)
{
	for (unsigned i = 0; i < intune->n_links; i++) {
		struct intune_link *link = &intune->links[i];
		if (!text_equal(link->endpoint, endpoint->name))
			continue;
		pthread_mutex_lock(&link->mutex);
		if (link->settings != endpoint) {
			link_forget(link);
			link->settings = endpoint;
			link->generation++;
		}
		pthread_mutex_unlock(&link->mutex);
		*out = link;
		return OK;
	}
	return FAIL(op, ERR_NOT_FOUND, "endpoint %s was not there when the server started", endpoint->name);
}

const struct config_intune *intune_settings(struct intune_link *link)
{
	pthread_mutex_lock(&link->mutex);
	const struct config_intune *settings = &link->settings->intune;
	pthread_mutex_unlock(&link->mutex);
	return settings;
}

result intune_check(struct op *op, const struct config_scep *endpoint)
{
	struct bytes trust;
	result r = intune_credential_check(op, &endpoint->intune);
	if (r.err == ERR_NONE && endpoint->intune.trust_file != NULL)
		r = files_read(op, endpoint->intune.trust_file, LIMIT_CALL_TRUST, &trust);
	return op_explain(op, r, "scep endpoint %s: intune", endpoint->name);
}

static bool is_quiet(struct intune_link *link)
{
	pthread_mutex_lock(&link->mutex);
	bool quiet = link->quiet_until_s > clock_now_s();
	pthread_mutex_unlock(&link->mutex);
	return quiet;
}

static void make_quiet(struct intune_link *link)
{
	pthread_mutex_lock(&link->mutex);
	link->quiet_until_s = clock_now_s() + QUIET_S;
	pthread_mutex_unlock(&link->mutex);
}

static result insert_download(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct intune_link *link = arg;
	return intune_notice_want_download(op, ledger_db(tx), link->endpoint, clock_now_s());
}

static result want_download(struct op *op, struct intune_link *link)
{
	pthread_mutex_lock(&link->mutex);
	bool has_all = link->has_download || !link->settings->intune.downloads_revocations;
	pthread_mutex_unlock(&link->mutex);
	if (has_all)
		return OK;
	TRY(ledger_run(op, link->intune->authority->ledger, insert_download, link));
	pthread_mutex_lock(&link->mutex);
	link->has_download = true;
	pthread_mutex_unlock(&link->mutex);
	return OK;
}

/* One endpoint's troubles are not another's: they are logged, and the next one has its turn. */
static void sweep_endpoint(struct op *op, struct intune *intune, const struct config_scep *endpoint)
{
	struct intune_link *link;
	result r = intune_link_of(op, intune, endpoint, &link);
	if (r.err == ERR_NONE && is_quiet(link))
		return;
	if (r.err == ERR_NONE)
		r = want_download(op, link);
	if (r.err == ERR_NONE)
		r = intune_notices_send(op, link);
	if (r.err == ERR_BUSY || r.err == ERR_BACKEND)
		make_quiet(link);
	if (r.err != ERR_NONE) {
		IGNORE(op_explain(op, r, "endpoint %s", endpoint->name)); /* goes into the log */
		log_failure(op, "intune.unreachable");
		op_clear_failure(op);
	}
}

struct cleaning {
	int64_t before_s;
	unsigned n;
};

static result clean(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct cleaning *c = arg;
	return intune_notice_clean(op, ledger_db(tx), c->before_s, &c->n);
}

/* Once an hour: rows of endpoints that are in no configuration any more. */
static void clean_up(struct intune *intune)
{
	struct op *op = op_new();
	struct cleaning c = { .before_s = clock_now_s() - ABANDONED_S };
	intune->cleaned_s = clock_now_s();
	if (ledger_run(op, intune->authority->ledger, clean, &c).err != ERR_NONE)
		log_failure(op, "intune.clean-up");
	else if (c.n > 0)
		log_warning(op, "intune.clean-up", "%u notices that nobody sent for half a year were removed", c.n);
	op_free(&op);
}

static void sweep(void *arg)
{
	struct intune *intune = arg;
	const struct config *config = authority_config(intune->authority);
	for (unsigned i = 0; i < config->n_scep && !atomic_load(&intune->is_stopping); i++) {
		struct op *op = op_new();
		op->deadline_ms = clock_monotonic_ms() + SWEEP_MS;
		if (config->scep[i].intune.tenant != NULL)
			sweep_endpoint(op, intune, &config->scep[i]);
		op_free(&op);
	}
	if (clock_now_s() >= intune->cleaned_s + CLEAN_UP_S)
		clean_up(intune);
	atomic_store(&intune->is_sweeping, false);
}

result intune_sweep(struct op *op, void *arg)
{
	struct intune *intune = arg;
	if (atomic_load(&intune->is_stopping) || atomic_exchange(&intune->is_sweeping, true))
		return OK; /* the last one is still at it */
	if (intune->wait == NULL) {
		sweep(intune);
	} else if (!lane_submit(intune->wait, sweep, intune)) {
		atomic_store(&intune->is_sweeping, false);
		return FAIL(op, ERR_BUSY, "the lane of work that waits is full");
	}
	return OK;
}
