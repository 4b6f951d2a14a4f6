/*
 * How a worker thread hands a finished exchange back to the loop that owns the
 * connection: a list without locks that any thread pushes to and the loop takes
 * whole, and an eventfd that wakes it. It outlives its loop for as long as jobs
 * hold it; what is posted after the loop has gone is refused.
 */
#pragma once

#include <stdbool.h>

struct mailbox;

/* First member of what is sent. */
struct mail {
	struct mail *next;
};

struct mailbox *mailbox_new(void);
/* Readable when there is something to take. */
int mailbox_descriptor(const struct mailbox *mailbox);

/* For one later mailbox_post, or mailbox_release when nothing was sent. Loop thread. */
void mailbox_hold(struct mailbox *mailbox);
void mailbox_release(struct mailbox *mailbox);
/* Gives up the hold. False: the loop has gone, `own_mail` is still the caller's. Any thread. */
bool mailbox_post(struct mailbox *mailbox, struct mail *own_mail);
/* Wakes the loop without a letter. Any thread; the caller must hold the mailbox. */
void mailbox_wake(struct mailbox *mailbox);

/* All that was posted, oldest first. Loop thread. */
struct mail *mailbox_take(struct mailbox *mailbox);
/* Refuses posts from now on, returns what is left, and gives up the loop's own hold. */
struct mail *mailbox_close(struct mailbox **mailbox);
