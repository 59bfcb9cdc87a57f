/* Runs inputs that stand behind the program in flash and tells over the serial port what comes of each, as records
   <LETTER and hexadecimal bytes>: P is class and scores, R the bare network's outputs, C a function's cycles, S its
   bytes of stack, T a stage's output. TM_TRIED is the bare network's function, TM_TRIED_COUNT inputs there are, TM_TRIED_COUNTED of them
   are timed. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <avr/sleep.h>

#define TM_TRIED_PAINT 0xA5u

extern const uint8_t tm_tried_inputs[];
extern uint8_t __heap_start;

static union {
    uint8_t image[TM_INPUT_SIZE];
    TM_TRIED_VALUE numbers[TM_INPUT_SIZE];
} tm_tried_given;
static float tm_tried_scores[TM_CLASS_COUNT];
static TM_TRIED_VALUE tm_tried_outputs[TM_CLASS_COUNT];

static void tm_tried_put(char letter)
{
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    UDR0 = (uint8_t)letter;
}

static void tm_tried_put_bytes(const void *values, uint16_t size)
{
    const uint8_t *byte = values;
    for (; size; size--, byte++) {
        tm_tried_put("0123456789abcdef"[*byte >> 4]);
        tm_tried_put("0123456789abcdef"[*byte & 15]);
    }
}

static void tm_tried_record(char letter)
{
    tm_tried_put('<');
    tm_tried_put(letter);
}

static void tm_tried_end(void)
{
    tm_tried_put('>');
    tm_tried_put('\n');
}

#ifdef TM_TRACED
static void tm_trace(int stage, const void *output, unsigned long size)
{
    tm_tried_record('T');
    tm_tried_put_bytes(&stage, 2);
    tm_tried_put_bytes(output, (uint16_t)size);
    tm_tried_end();
}
#endif

/* Timer 1 counts cycles and timer 3 every 1,024th; the reader puts them together. */
static void tm_tried_start(void)
{
    TCCR1B = TCCR3B = 0;
    TCNT1 = TCNT3 = 0;
    TIFR3 = 1 << TOV3;
    TCCR3B = 5;
    TCCR1B = 1;
}

static void tm_tried_stop(uint8_t function)
{
    struct {
        uint8_t function, overflowed;
        uint16_t cycles, thousands;
    } taken;
    taken.cycles = TCNT1;
    taken.thousands = TCNT3;
    taken.overflowed = (TIFR3 >> TOV3) & 1;
    taken.function = function;
    tm_tried_record('C');
    tm_tried_put_bytes(&taken, sizeof taken);
    tm_tried_end();
}

static uint8_t *tm_tried_stack_pointer(void)
{
    return (uint8_t *)SP;
}

static void tm_tried_paint(void)
{
    volatile uint8_t *place;
    for (place = &__heap_start; place < tm_tried_stack_pointer(); place++) {
        *place = TM_TRIED_PAINT;
    }
}

static void tm_tried_tell_stack(uint8_t function)
{
    struct {
        uint8_t function, unused;
        uint16_t bytes;
    } used;
    const volatile uint8_t *place = &__heap_start;
    while (*place == TM_TRIED_PAINT) {
        place++;
    }
    used.function = function;
    used.unused = 0;
    used.bytes = (uint16_t)(tm_tried_stack_pointer() + 1 - place);
    tm_tried_record('S');
    tm_tried_put_bytes(&used, sizeof used);
    tm_tried_end();
}

static uint_farptr_t tm_tried_read(uint_farptr_t from, uint16_t size)
{
    uint8_t *to = tm_tried_given.image;
    for (; size; size--) {
        *to++ = pgm_read_byte_far(from++);
    }
    return from;
}

static void __attribute__((noinline)) tm_tried_predict_all(void)
{
    uint_farptr_t from = pgm_get_far_address(tm_tried_inputs);
    int16_t n;
    volatile int best;
    for (n = 0; n < TM_TRIED_COUNT; n++) {
        from = tm_tried_read(from, sizeof tm_tried_given.image) + sizeof tm_tried_given.numbers;
        if (n < TM_TRIED_COUNTED) {
            tm_tried_paint();
            tm_tried_start();
            best = tm_predict(tm_tried_given.image, 0);
            tm_tried_stop(1);
        }
        best = tm_predict(tm_tried_given.image, tm_tried_scores);
        if (n < TM_TRIED_COUNTED) {
            tm_tried_tell_stack(1);
        }
        tm_tried_record('P');
        tm_tried_put_bytes((const void *)&best, 2);
        tm_tried_put_bytes(tm_tried_scores, sizeof tm_tried_scores);
        tm_tried_end();
    }
}

static void __attribute__((noinline)) tm_tried_run_all(void)
{
    uint_farptr_t from = pgm_get_far_address(tm_tried_inputs);
    int16_t n;
    for (n = 0; n < TM_TRIED_COUNT; n++) {
        from = tm_tried_read(from + sizeof tm_tried_given.image, sizeof tm_tried_given.numbers);
        if (n < TM_TRIED_COUNTED) {
            tm_tried_paint();
        }
        tm_tried_start();
        TM_TRIED(tm_tried_given.numbers, tm_tried_outputs);
        if (n < TM_TRIED_COUNTED) {
            tm_tried_stop(0);
            tm_tried_tell_stack(0);
        }
        tm_tried_record('R');
        tm_tried_put_bytes(tm_tried_outputs, sizeof tm_tried_outputs);
        tm_tried_end();
    }
}

int main(void)
{
    UCSR0B = 1 << TXEN0;
    tm_tried_predict_all();
    tm_tried_run_all();
    cli();
    sleep_enable();
    sleep_cpu(); /* for ever: the simulator ends here */
    return 0;
}
