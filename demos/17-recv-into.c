/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 17-recv-into.c: what can be sent and received at the two ends of a pipe.
 *
 * In Python: demos/python/17-recv-into.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysvmp.h>

enum {SHORT = 5, LONG = 10};

static struct sysvmp_conn *a, *b;

/* A call that fails answers a negative code.  This ends the process.  Answers
 * what is no failure: of a recv the message's length. */
static size_t
check(const char *what, ssize_t result)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, sysvmp_last_error());
        sysvmp_process_exit(EXIT_FAILURE);
    }
    return (size_t)result;
}

/* Would recv() find a message now, or have to wait? */
static const char *
polled(struct sysvmp_conn *conn)
{
    return check("poll", sysvmp_conn_poll(conn, SYSVMP_NOWAIT)) ? "True"
                                                                : "False";
}

/* A message is bytes.  In Python they are a list's pickle; here they are a
 * struct, which both sides know. */
static void
send_a_list(void)
{
    struct list {
        int number;
        char text[8];
        void *none;
    } sent = {1, "hello", NULL}, list;

    printf("%s\n", polled(b));
    check("send", sysvmp_conn_send(a, &sent, sizeof(sent), SYSVMP_FOREVER));
    printf("%s\n", polled(b));
    check("recv", sysvmp_conn_recv(b, &list, sizeof(list), SYSVMP_FOREVER));
    printf("[%d, '%s', %s]\n", list.number, list.text,
        list.none ? "..." : "None");
}

/* The other way, and as many bytes as there are. */
static void
send_bytes(void)
{
    const char *text = "thank you";
    char bytes[64];
    size_t length;

    check("send", sysvmp_conn_send(b, text, strlen(text), SYSVMP_FOREVER));
    length = check("recv", sysvmp_conn_recv(a, bytes, sizeof(bytes),
        SYSVMP_FOREVER));
    printf("b'%.*s'\n", (int)length, bytes);
}

/* recv() writes into the caller's memory: what lies behind the message stays.
 * Were it too short: -EMSGSIZE, and the message is still there. */
static void
send_an_array(void)
{
    int arr1[SHORT], arr2[LONG] = {0};
    size_t count;

    for (int i = 0; i < SHORT; i++)
        arr1[i] = i;
    check("send", sysvmp_conn_send(a, arr1, sizeof(arr1), SYSVMP_FOREVER));
    count = check("recv", sysvmp_conn_recv(b, arr2, sizeof(arr2),
        SYSVMP_FOREVER));
    printf("%s\n", count == sizeof(arr1) ? "True" : "False");
    for (int i = 0; i < LONG; i++)
        printf("%s%d", i == 0 ? "array('i', [" : ", ", arr2[i]);
    printf("])\n");
}

int
main(void)
{
    struct sysvmp_conn *end[2];

    check("pipe", sysvmp_pipe_create(end, 0));
    a = end[0];
    b = end[1];
    send_a_list();
    send_bytes();
    send_an_array();
    printf("%s", polled(a));
    printf(" %s\n", polled(b));
    sysvmp_conn_destroy(a);
    sysvmp_conn_destroy(b);
    return EXIT_SUCCESS;
}
