/* core_test.c - the life of a request: decided, audited, produced, ended; limits and refusals. */
#include "tests/unit/gateway/play.h"

static void a_private_request_from_submit_to_its_end(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c;
    gt_submit(g, &c, GT_PRIVATE);
    assert_int_equal(c.st, SL_OK);
    assert_int_equal(c.d.cls, SL_CLASS_PRIVATE);
    assert_string_equal(c.d.model, "inside");
    assert_int_equal(sl_core_open_tickets(g->core), 1);
    gt_seen *req = gt_wait_request(g, c.id);
    assert_string_equal(req->topic, "llm.private.requests.v1");
    assert_string_equal(req->key, c.id);
    assert_string_equal(req->tenant, "acme");
    assert_false(req->encrypted);
    assert_non_null(strstr(req->body, "\"model\":\"inside\""));
    assert_true(gt_wait_audit(g, "produced", c.id, NULL));
    gt_answer(g, req, "Hello");
    gt_wait_end(&c);
    assert_int_equal(c.status, 200);
    assert_int_equal(c.end, SL_END_STOP);
    assert_string_equal(c.text.data, "Hello");
    assert_int_equal(atomic_load(&g->g.inflight[SL_CLASS_PRIVATE]), 0);
    assert_true(gt_wait_audit(g, "delivered", c.id, "\"http_status\":200"));
    assert_int_equal(gt_audits(g, "decided", c.id, NULL), 1);
    assert_int_equal(gt_audits(g, "delivered", c.id, NULL), 1);
    for (size_t i = 0; i < g->n; i++)
        assert_null(strstr(g->seen[i].topic, "llm.public."));
    gt_call_done(&c);
    gt_close(g);
}

/* The decided record is held back: until it is acknowledged no request may stand on the topic. */
static void a_public_request_waits_for_its_audit_record(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c;
    sl_memory_hold(g->bus, true);
    gt_submit(g, &c, GT_PUBLIC);
    assert_int_equal(c.st, SL_OK);
    assert_int_equal(c.d.cls, SL_CLASS_PUBLIC);
    assert_true(gt_wait_audit(g, "decided", c.id, NULL));
    gt_advance(g, 1000);
    assert_null(gt_request(g, c.id));
    sl_memory_hold(g->bus, false);
    gt_seen *req = gt_wait_request(g, c.id);
    assert_string_equal(req->topic, "llm.public.requests.v1");
    assert_true(req->encrypted);
    assert_string_not_equal(req->tenant, "acme");
    gt_answer(g, req, "Hi");
    gt_wait_end(&c);
    assert_int_equal(c.status, 200);
    gt_call_done(&c);
    gt_close(g);
}

static void a_public_request_whose_audit_fails_is_never_produced(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c, after;
    sl_memory_fail_sends(g->bus, SL_TOPIC_AUDIT, 1, SL_MEMORY_LOST, SL_E_TIMEOUT);
    gt_submit(g, &c, GT_PUBLIC);
    assert_int_equal(c.st, SL_OK);
    gt_wait_end(&c);
    assert_int_equal(c.status, 503);
    assert_string_equal(c.code, "audit_unavailable");
    gt_advance(g, 300);
    assert_null(gt_request(g, c.id));
    assert_int_equal(gt_metric(g, "sluice_audit_failed_total"), 1);
    gt_submit(g, &after, GT_PUBLIC); /* its own audit record is tried and taken */
    assert_int_equal(after.st, SL_OK);
    (void)gt_wait_request(g, after.id);
    gt_call_done(&c);
    gt_call_done(&after);
    gt_close(g);
}

static void while_audits_fail_nothing_is_accepted(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c, pub, priv;
    sl_memory_fail_sends(g->bus, SL_TOPIC_AUDIT, 100, SL_MEMORY_LOST, SL_E_TIMEOUT);
    gt_submit(g, &c, GT_PUBLIC);
    gt_wait_end(&c);
    gt_advance(g, 300); /* the audit of that end fails as well */
    gt_submit(g, &pub, GT_PUBLIC);
    gt_submit(g, &priv, GT_PRIVATE);
    assert_int_equal(pub.ref.http_status, 503);
    assert_string_equal(pub.ref.code, "audit_unavailable");
    assert_int_equal(priv.ref.http_status, 503);
    assert_int_equal(gt_metric(g, "sluice_refused_total{reason=\"audit\"}"), 2);
    gt_call_done(&c), gt_call_done(&pub), gt_call_done(&priv);
    gt_close(g);
}

static void the_policy_may_let_private_requests_go_without_audit(void **state)
{
    (void)state;
    gt_rig *g = gt_open(GT_POLICY "  private_without_audit: true\n");
    gt_call c, priv;
    sl_memory_fail_sends(g->bus, SL_TOPIC_AUDIT, 100, SL_MEMORY_LOST, SL_E_TIMEOUT);
    gt_submit(g, &c, GT_PUBLIC);
    gt_wait_end(&c);
    gt_advance(g, 300);
    gt_submit(g, &priv, GT_PRIVATE);
    assert_int_equal(priv.st, SL_OK);
    (void)gt_wait_request(g, priv.id);
    gt_call_done(&c), gt_call_done(&priv);
    gt_close(g);
}

static void a_request_that_the_bus_did_not_acknowledge(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c;
    sl_memory_fail_sends(g->bus, "llm.private.requests.v1", 1, SL_MEMORY_ACK_LOST, SL_E_TIMEOUT);
    gt_submit(g, &c, GT_PRIVATE);
    assert_int_equal(c.st, SL_OK);
    gt_wait_end(&c);
    assert_int_equal(c.status, 503);
    assert_string_equal(c.code, "unconfirmed");
    assert_true(gt_wait_topic(g, "llm.private.control.v1", c.id, 1)); /* it may be in the log */
    assert_true(gt_wait_audit(g, "unconfirmed", c.id, NULL));
    assert_true(gt_wait_audit(g, "delivered", c.id, "\"http_status\":503"));
    assert_int_equal(gt_metric(g, "sluice_unconfirmed_total"), 1);
    assert_int_equal(gt_count(g, "llm.public.requests.v1", NULL), 0); /* never the other class */
    gt_answer(g, gt_wait_request(g, c.id), "late"); /* its answer is foreign by now */
    gt_advance(g, 300);
    assert_int_equal(c.ends, 1);
    assert_int_equal(c.deltas, 0);
    gt_call_done(&c);
    gt_close(g);
}

/* An answer that is complete before the acknowledgement is lost was given: nothing is doubled. */
static void a_lost_acknowledgement_behind_a_whole_answer(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c;
    sl_memory_hold(g->bus, true);
    gt_submit(g, &c, GT_PRIVATE);
    gt_seen *req = gt_wait_request(g, c.id);
    gt_answer(g, req, "Soon");
    gt_wait_end(&c);
    assert_int_equal(c.status, 200);
    gt_advance(g, 31000); /* the deliveries time out */
    sl_memory_hold(g->bus, false);
    assert_true(gt_wait_audit(g, "unconfirmed", c.id, NULL));
    assert_int_equal(c.ends, 1);
    assert_int_equal(sl_core_open_tickets(g->core), 0);
    gt_call_done(&c);
    gt_close(g);
}

static void a_full_queue_holds_requests_back_and_loses_none(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c[8];
    sl_memory_full(g->bus, 20);
    for (int i = 0; i < 8; i++)
        gt_submit(g, &c[i], i % 2 ? GT_PUBLIC : GT_PRIVATE);
    int taken = 0;
    for (int i = 0; i < 8; i++) {
        if (c[i].st) { /* its decided record had no place: a definite refusal */
            assert_int_equal(c[i].ref.http_status, 503);
            assert_string_equal(c[i].ref.code, "bus_unavailable");
            continue;
        }
        taken++;
        gt_answer(g, gt_wait_request(g, c[i].id), "ok");
        gt_wait_end(&c[i]);
        assert_int_equal(c[i].status, 200);
    }
    assert_true(taken >= 4); /* the public ones at least */
    assert_int_equal(atomic_load(&g->g.inflight[0]), 0);
    assert_int_equal(atomic_load(&g->g.inflight[1]), 0);
    for (int i = 0; i < 8; i++)
        gt_call_done(&c[i]);
    gt_close(g);
}

/* The books need every record: one that finds no room waits for it. */
static void a_full_queue_loses_no_audit_record(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c;
    gt_submit(g, &c, GT_PRIVATE);
    (void)gt_wait_request(g, c.id);
    assert_true(gt_wait_audit(g, "produced", c.id, NULL));
    sl_memory_full(g->bus, 3);
    sl_ticket *t = c.ticket;
    sl_core_cancel(g->core, t);
    assert_true(gt_wait_audit(g, "delivered", c.id, "client_gone"));
    assert_int_equal(gt_metric(g, "sluice_audit_failed_total"), 0);
    gt_call_done(&c);
    gt_close(g);
}

/* No room until the end: what is left goes out, or is counted, when the core closes. */
static void audit_records_that_wait_while_the_core_closes(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c;
    gt_submit(g, &c, GT_PRIVATE);
    (void)gt_wait_request(g, c.id);
    sl_memory_full(g->bus, 1);
    sl_core_cancel(g->core, c.ticket);
    gt_close_core(g);
    assert_true(gt_wait_audit(g, "delivered", c.id, "client_gone"));
    gt_call_done(&c);
    gt_close(g);
}

static void limits_are_each_class_own(void **state)
{
    (void)state;
    gt_rig *g = gt_open(GT_POLICY "inflight: {private: 2, public: 1}\n");
    gt_call a, b, c, p, q;
    gt_submit(g, &a, GT_PRIVATE), gt_submit(g, &b, GT_PRIVATE), gt_submit(g, &c, GT_PRIVATE);
    assert_int_equal(a.st, SL_OK);
    assert_int_equal(b.st, SL_OK);
    assert_int_equal(c.ref.http_status, 429);
    assert_true(c.ref.retry_after_s > 0);
    gt_submit(g, &p, GT_PUBLIC), gt_submit(g, &q, GT_PUBLIC);
    assert_int_equal(p.st, SL_OK);
    assert_int_equal(q.ref.http_status, 429);
    assert_int_equal(gt_metric(g, "sluice_refused_total{reason=\"limit\"}"), 2);
    assert_int_equal(gt_audits(g, "decided", c.id, NULL), 0);
    gt_answer(g, gt_wait_request(g, a.id), "1");
    gt_wait_end(&a);
    gt_call_done(&c);
    gt_submit(g, &c, GT_PRIVATE);
    assert_int_equal(c.st, SL_OK);
    gt_call_done(&a), gt_call_done(&b), gt_call_done(&c), gt_call_done(&p), gt_call_done(&q);
    gt_close(g);
}

/* Whatever refuses a request gives its place back. */
static void a_refused_request_holds_no_place(void **state)
{
    (void)state;
    gt_rig *g = gt_open(GT_POLICY "inflight: {private: 1, public: 1}\n");
    gt_call c;
    sl_memory_full(g->bus, 1); /* the decided record of a private request is sent at once */
    gt_submit(g, &c, GT_PRIVATE);
    assert_int_equal(c.ref.http_status, 503);
    gt_call_done(&c);
    c = (gt_call){0};
    gt_submit_with(g, &c, &(gt_ask){.deadline_ms = 1});
    assert_int_equal(c.ref.http_status, 504);
    gt_call_done(&c);
    gt_submit(g, &c, GT_PRIVATE);
    assert_int_equal(c.st, SL_OK);
    assert_int_equal(atomic_load(&g->g.inflight[SL_CLASS_PRIVATE]), 1);
    gt_call again = {0};
    gt_submit_with(g, &again, &(gt_ask){.id = c.id, .text = GT_PUBLIC});
    assert_int_equal(again.ref.http_status, 409); /* the same id, running */
    assert_int_equal(atomic_load(&g->g.inflight[SL_CLASS_PUBLIC]), 0);
    gt_call_done(&c), gt_call_done(&again);
    gt_close(g);
}

static void the_deadline_ends_a_request_and_cancels_it(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c = {0};
    gt_run w;
    gt_submit_with(g, &c, &(gt_ask){.deadline_ms = sl_unix_ms() + 5000});
    assert_int_equal(c.st, SL_OK);
    gt_run_open(&w, g, gt_wait_request(g, c.id));
    gt_say(&w, "so far");
    gt_wait_text(&c, "so far");
    for (int i = 0; i < 3; i++)
        gt_advance(g, 2000), gt_presence(g);
    gt_wait_end(&c);
    assert_int_equal(c.status, 504);
    assert_string_equal(c.code, "deadline_exceeded");
    assert_true(gt_wait_topic(g, "llm.private.control.v1", c.id, 1));
    gt_finish(&w, SL_END_STOP); /* too late */
    gt_advance(g, 300);
    assert_int_equal(c.ends, 1);
    gt_run_done(&w);
    gt_call_done(&c);
    gt_close(g);
}

static void a_client_that_leaves_cancels_its_work_once(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c;
    gt_submit(g, &c, GT_PUBLIC);
    gt_seen *req = gt_wait_request(g, c.id);
    sl_core_cancel(g->core, c.ticket);
    assert_true(gt_wait_topic(g, "llm.public.control.v1", c.id, 1));
    assert_true(gt_find(g, "llm.public.control.v1", c.id)->encrypted);
    assert_int_equal(gt_count(g, "llm.private.control.v1", NULL), 0);
    gt_answer(g, req, "nobody reads this");
    gt_advance(g, 600);
    assert_int_equal(c.ends, 0);
    assert_int_equal(c.deltas, 0);
    assert_true(gt_wait_audit(g, "delivered", c.id, "client_gone"));
    assert_int_equal(gt_count(g, "llm.public.control.v1", c.id), 1);
    gt_call_done(&c);
    gt_close(g);
}

/* Not produced yet: there is nothing to cancel, and nothing may be produced any more. */
static void a_client_that_leaves_while_the_audit_is_on_its_way(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c;
    sl_memory_hold(g->bus, true);
    gt_submit(g, &c, GT_PUBLIC);
    assert_true(gt_wait_audit(g, "decided", c.id, NULL));
    sl_core_cancel(g->core, c.ticket);
    sl_memory_hold(g->bus, false);
    assert_true(gt_wait_audit(g, "delivered", c.id, "client_gone"));
    gt_advance(g, 300);
    assert_null(gt_request(g, c.id));
    assert_int_equal(gt_count(g, "llm.public.control.v1", NULL), 0);
    gt_call_done(&c);
    gt_close(g);
}

static void the_last_worker_is_gone(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c, after;
    gt_run w;
    gt_submit(g, &c, GT_PRIVATE);
    gt_run_open(&w, g, gt_wait_request(g, c.id));
    gt_say(&w, "a");
    gt_wait_text(&c, "a");
    gt_advance(g, 8000); /* takes no new ones; the running one waits a little longer */
    gt_submit(g, &after, GT_PRIVATE);
    assert_int_equal(after.ref.http_status, 503);
    assert_string_equal(after.ref.code, "no_worker");
    assert_int_equal(c.ends, 0);
    gt_advance(g, 3000);
    gt_wait_end(&c);
    assert_int_equal(c.status, 503);
    assert_string_equal(c.code, "no_worker");
    assert_true(gt_wait_topic(g, "llm.private.control.v1", c.id, 1));
    gt_run_done(&w);
    gt_call_done(&c), gt_call_done(&after);
    gt_close(g);
}

static void a_draining_worker_takes_nothing_new(void **state)
{
    (void)state;
    gt_rig *g = gt_open(GT_POLICY "  public_down: private\n");
    gt_call c, pub, priv;
    gt_submit(g, &c, GT_PRIVATE);
    gt_presence_of(g, SL_CLASS_PRIVATE, "w", true);
    gt_submit(g, &priv, GT_PRIVATE);
    assert_int_equal(priv.ref.http_status, 503);
    gt_advance(g, 500);
    assert_int_equal(c.ends, 0); /* what runs goes on */
    gt_presence_of(g, SL_CLASS_PRIVATE, "w", false);
    gt_presence_of(g, SL_CLASS_PUBLIC, "w", true);
    gt_submit(g, &pub, GT_PUBLIC); /* the public side is as good as down: the policy's way */
    assert_int_equal(pub.st, SL_OK);
    assert_int_equal(pub.d.cls, SL_CLASS_PRIVATE);
    assert_string_equal(gt_wait_request(g, pub.id)->topic, "llm.private.requests.v1");
    gt_call_done(&c), gt_call_done(&pub), gt_call_done(&priv);
    gt_close(g);
}

/* Trace context is for both classes, a vendor's own state stays inside. */
static void trace_headers_by_class(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    const char *tp = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    gt_call pub = {0}, priv = {0};
    gt_submit_with(g, &pub, &(gt_ask){.text = GT_PUBLIC, .traceparent = tp, .tracestate = "a=b"});
    gt_submit_with(g, &priv, &(gt_ask){.traceparent = tp, .tracestate = "a=b"});
    gt_seen *p = gt_wait_request(g, pub.id);
    assert_string_equal(p->traceparent, tp);
    assert_string_equal(p->tracestate, "");
    gt_seen *q = gt_wait_request(g, priv.id);
    assert_string_equal(q->traceparent, tp);
    assert_string_equal(q->tracestate, "a=b");
    gt_call_done(&pub), gt_call_done(&priv);
    gt_close(g);
}

/* Deliveries come while the core is torn down: they must touch nothing that is freed (ASan). */
static void closing_with_requests_in_every_state(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call deciding, producing, accepted, gone;
    gt_submit(g, &accepted, GT_PRIVATE);
    (void)gt_wait_request(g, accepted.id);
    sl_memory_hold(g->bus, true);
    gt_submit(g, &deciding, GT_PUBLIC);
    gt_submit(g, &producing, GT_PRIVATE);
    gt_submit(g, &gone, GT_PRIVATE);
    assert_true(gt_wait_audit(g, "decided", deciding.id, NULL));
    sl_core_cancel(g->core, gone.ticket);
    gt_skew_ms += 4000; /* the flush of 3 s has no time left after its first look */
    gt_close_core(g);   /* held: what is pending is delivered as closed */
    assert_int_equal(accepted.status, 503);
    assert_string_equal(accepted.code, "shutting_down");
    assert_int_equal(deciding.status, 503);
    assert_int_equal(producing.status, 503);
    assert_int_equal(gone.ends, 0);
    sl_memory_hold(g->bus, false);
    gt_call_done(&deciding), gt_call_done(&producing), gt_call_done(&accepted), gt_call_done(&gone);
    gt_close(g);
}

static void the_drain_refuses_and_its_end_answers_all(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c, late;
    gt_submit(g, &c, GT_PRIVATE);
    (void)gt_wait_request(g, c.id);
    atomic_store(&g->g.draining, true);
    gt_submit(g, &late, GT_PRIVATE);
    assert_int_equal(late.ref.http_status, 503);
    assert_string_equal(late.ref.code, "draining");
    assert_int_equal(c.ends, 0);
    sl_core_end_all(g->core);
    assert_int_equal(c.ends, 1);
    assert_int_equal(c.status, 503);
    assert_true(gt_wait_topic(g, "llm.private.control.v1", c.id, 1));
    gt_call_done(&c), gt_call_done(&late);
    gt_close(g);
}

static bool policy_is_not(void *arg)
{
    gt_want *w = arg;
    sl_policy *p = sl_store_policy(w->g->g.store);
    bool other = strcmp(sl_policy_digest(p), w->with) != 0;
    sl_policy_unref(p);
    return other;
}

/* A new policy takes effect when its record is acknowledged, for requests that begin from then. */
static void a_policy_reload(void **state)
{
    (void)state;
    gt_rig *g = gt_open(NULL);
    gt_call c;
    int refused;
    char before[128];
    gt_submit(g, &c, GT_PRIVATE);
    (void)snprintf(before, sizeof(before), "%s", sl_ticket_policy(c.ticket));
    gt_write(g->policy_path, GT_POLICY "  floor: nonsense\n");
    sl_store_check(g->g.store, true, &refused);
    assert_int_equal(refused, 1);
    gt_write(g->policy_path, GT_POLICY "inflight: {private: 1}\n");
    sl_store_check(g->g.store, true, &refused);
    assert_int_equal(refused, 0);
    sl_memory_fail_sends(g->bus, SL_TOPIC_AUDIT, 1, SL_MEMORY_LOST, SL_E_TIMEOUT);
    sl_core_publish_policy(g->core);
    gt_advance(g, 500); /* not acknowledged: the old one stays in force */
    gt_call two;
    gt_submit(g, &two, GT_PRIVATE);
    assert_int_equal(two.st, SL_OK);
    assert_string_equal(sl_ticket_policy(two.ticket), before);
    sl_core_publish_policy(g->core);
    gt_want w = {.g = g, .with = before};
    assert_true(gt_wait(g, policy_is_not, &w));
    gt_call three;
    gt_submit(g, &three, GT_PRIVATE);
    assert_int_equal(three.ref.http_status, 429);
    gt_answer(g, gt_wait_request(g, c.id), "old");
    gt_wait_end(&c);
    gt_call_done(&c), gt_call_done(&two), gt_call_done(&three);
    gt_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_private_request_from_submit_to_its_end),
        cmocka_unit_test(a_public_request_waits_for_its_audit_record),
        cmocka_unit_test(a_public_request_whose_audit_fails_is_never_produced),
        cmocka_unit_test(while_audits_fail_nothing_is_accepted),
        cmocka_unit_test(the_policy_may_let_private_requests_go_without_audit),
        cmocka_unit_test(a_request_that_the_bus_did_not_acknowledge),
        cmocka_unit_test(a_lost_acknowledgement_behind_a_whole_answer),
        cmocka_unit_test(a_full_queue_holds_requests_back_and_loses_none),
        cmocka_unit_test(a_full_queue_loses_no_audit_record),
        cmocka_unit_test(audit_records_that_wait_while_the_core_closes),
        cmocka_unit_test(limits_are_each_class_own),
        cmocka_unit_test(a_refused_request_holds_no_place),
        cmocka_unit_test(the_deadline_ends_a_request_and_cancels_it),
        cmocka_unit_test(a_client_that_leaves_cancels_its_work_once),
        cmocka_unit_test(a_client_that_leaves_while_the_audit_is_on_its_way),
        cmocka_unit_test(the_last_worker_is_gone),
        cmocka_unit_test(a_draining_worker_takes_nothing_new),
        cmocka_unit_test(trace_headers_by_class),
        cmocka_unit_test(closing_with_requests_in_every_state),
        cmocka_unit_test(the_drain_refuses_and_its_end_answers_all),
        cmocka_unit_test(a_policy_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
