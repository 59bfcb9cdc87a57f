/* Runs the inputs that follow the program in flash and sends the results over the serial port, as records
   <LETTER and hexadecimal bytes>: P is class and scores, R the outputs of the bare network, C the cycles of a
   function, S its bytes of stack, T the output of a stage. TM_TRIED is the function of the bare network,
   TM_TRIED_COUNT the number of inputs, TM_TRIED_COUNTED the number of those that are timed. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <avr/sleep.h>

#define TM_TRIED_PAINT 0xA5u
#if defined(__AVR_HAVE_ELPM__)
#define TM_TRIED_BYTE(place) pgm_read_byte_far(place)
#else
#define TM_TRIED_BYTE(place) pgm_read_byte((const uint8_t *)(uint16_t)(place))
#endif

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

/* Timer 2 counts cycles, timer 0 every 64th and timer 1 every 1,024th; the reader puts them together. */
static void tm_tried_start(void)
{
    TCCR0B = TCCR1B = TCCR2B = 0;
    TCNT0 = TCNT2 = 0;
    TCNT1 = 0;
    TIFR1 = 1 << TOV1;
    TCCR1B = 5;
    TCCR0B = 3;
    TCCR2B = 1;
}

static void tm_tried_stop(uint8_t function)
{
    struct {
        uint8_t function, overflowed, fast, middle;
        uint16_t slow;
    } taken;
    taken.fast = TCNT2;
    taken.middle = TCNT0;
    taken.slow = TCNT1;
    taken.overflowed = (TIFR1 >> TOV1) & 1;
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


static void __attribute__((noinline)) tm_tried_predict_all(void)
{
    uint_farptr_t from = pgm_get_far_address(tm_tried_inputs);
    int16_t n, i;
    volatile int best;
    for (n = 0; n < TM_TRIED_COUNT; n++) {
        for (i = 0; i < TM_INPUT_SIZE; i++, from++) {
            tm_tried_given.image[i] = TM_TRIED_BYTE(from);
        }
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
    int16_t n, i;
    for (n = 0; n < TM_TRIED_COUNT; n++) {
        for (i = 0; i < TM_INPUT_SIZE; i++, from++) {
            tm_tried_given.numbers[i] = TM_TRIED_FROM(TM_TRIED_BYTE(from));
        }
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
