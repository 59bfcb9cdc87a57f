// Prints "passed" when the board gives the answers of the studio to the bit.
#include <@header@>

extern "C" int tm_selftest(void);

void setup()
{
    Serial.begin(115200);
    while (!Serial) {
    }
    const int wrong = tm_selftest();
    if (wrong == 0) {
        Serial.println(F("passed"));
    } else {
        Serial.print(wrong);
        Serial.println(F(" test vectors differ"));
    }
}

void loop()
{
}
