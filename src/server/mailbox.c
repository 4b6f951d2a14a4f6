/* Treiber's stack, only ever emptied as a whole, so that the ABA problem cannot arise. */
#include "server/mailbox.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/op.h"

struct mailbox {
	_Atomic(struct mail *) newest; /* &closed: the loop has gone */
	atomic_uint holds;
	int descriptor;
};

static struct mail closed;

struct mailbox *mailbox_new(void)
{
	struct mailbox *mailbox = calloc(1, sizeof *mailbox);
	ASSERT(mailbox != NULL);
	atomic_init(&mailbox->newest, NULL);
	atomic_init(&mailbox->holds, 1);
	mailbox->descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ASSERT(mailbox->descriptor >= 0);
	return mailbox;
}

int mailbox_descriptor(const struct mailbox *mailbox)
{
	return mailbox->descriptor;
}

void mailbox_hold(struct mailbox *mailbox)
{
	atomic_fetch_add(&mailbox->holds, 1);
}

void mailbox_release(struct mailbox *mailbox)
{
	if (atomic_fetch_sub(&mailbox->holds, 1) != 1)
		return;
	close(mailbox->descriptor);
	free(mailbox);
}

void mailbox_wake(struct mailbox *mailbox)
{
	const uint64_t one = 1;
	/* Fails only when the counter is full, and then the loop is awake anyway. */
	ssize_t written UNUSED = write(mailbox->descriptor, &one, sizeof one);
}

bool mailbox_post(struct mailbox *mailbox, struct mail *own_mail)
{
	struct mail *before = atomic_load(&mailbox->newest);

	do {
		if (before == &closed) {
			mailbox_release(mailbox);
			return false;
		}
		own_mail->next = before;
	} while (!atomic_compare_exchange_weak(&mailbox->newest, &before, own_mail));
	/* Whoever found it empty wakes the loop for all that come before it looks. */
	if (before == NULL)
		mailbox_wake(mailbox);
	mailbox_release(mailbox);
	return true;
}

static struct mail *reversed(struct mail *newest)
{
	struct mail *oldest = NULL;

	while (newest != NULL) {
		struct mail *next = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

struct mail *mailbox_take(struct mailbox *mailbox)
{
	uint64_t count;
	/* Before the list: a post that comes in between wakes the loop once more. */
	ssize_t got UNUSED = read(mailbox->descriptor, &count, sizeof count);
	return reversed(atomic_exchange(&mailbox->newest, NULL));
}

struct mail *mailbox_close(struct mailbox **mailbox)
{
	struct mail *left = reversed(atomic_exchange(&(*mailbox)->newest, &closed));
	mailbox_release(*mailbox);
	*mailbox = NULL;
	return left;
}
