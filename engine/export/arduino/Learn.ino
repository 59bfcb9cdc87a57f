// Learns from images that come over the serial port: send TM_INPUT_SIZE bytes, and one byte with the number of the class.
// The answer is a line with the class that the network would have said, and the loss before the step.
#include <@header@>

static uint8_t image[TM_INPUT_SIZE];

void setup()
{
    Serial.begin(115200);
    while (!Serial) {
    }
    Serial.setTimeout(2000);
    Serial.println(F("ready"));
}

void loop()
{
    uint8_t label;
    if (Serial.readBytes((char *)image, sizeof image) < sizeof image || Serial.readBytes((char *)&label, 1) < 1 ||
        label >= TM_CLASS_COUNT) {
        return;
    }
    const int best = tm_predict(image, 0);
    Serial.print(best < 0 ? "not sure" : tm_class_names[best]);
    Serial.print(' ');
    Serial.println(tm_train_step(image, label, 0.01f), 4);
}
