// Classifies images that come over the serial port: send TM_INPUT_SIZE bytes, row by row, ink bright.
// The answer is a line with the class and how long the network took.
#include <@header@>

static uint8_t image[TM_INPUT_SIZE];

void setup()
{
    Serial.begin(115200);
    while (!Serial) {
    }
    Serial.setTimeout(2000); // of an image that does not arrive whole, the rest is dropped
    Serial.print(F("ready "));
    Serial.println(F(TM_MODEL_HASH));
}

void loop()
{
    if (Serial.readBytes((char *)image, sizeof image) < sizeof image) {
        return;
    }
    const unsigned long start = micros();
    const int best = tm_predict(image, 0);
    const unsigned long taken = micros() - start;
    Serial.print(best < 0 ? "not sure" : tm_class_names[best]);
    Serial.print(' ');
    Serial.print(taken);
    Serial.println(F(" us"));
}
