package weft.conformance.harness;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** A static method with this plays the scenario of its name: `aTimerFires` is `a_timer_fires`. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface Plays {
  Needs value() default Needs.SHARED_SERVER;
}
