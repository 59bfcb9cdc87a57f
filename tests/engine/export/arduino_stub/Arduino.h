/* What the sketches need of Arduino's interface, as its documentation declares it: for boards whose core is not here. */
#ifndef ARDUINO_H
#define ARDUINO_H
#include <stddef.h>
#include <stdint.h>

class __FlashStringHelper;
#define F(text) (reinterpret_cast<const __FlashStringHelper *>(text))

struct Port {
    void begin(unsigned long rate);
    void setTimeout(unsigned long milliseconds);
    operator bool();
    size_t readBytes(char *buffer, size_t count);
    size_t print(const __FlashStringHelper *text);
    size_t print(const char *text);
    size_t print(char letter);
    size_t print(int number, int base = 10);
    size_t print(unsigned long number, int base = 10);
    size_t println(const __FlashStringHelper *text);
    size_t println(double number, int digits = 2);
};
extern Port Serial;
unsigned long micros();
void setup();
void loop();
#endif
