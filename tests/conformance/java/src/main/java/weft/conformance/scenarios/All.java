package weft.conformance.scenarios;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import weft.conformance.harness.Entry;
import weft.conformance.harness.Plays;

/** All scenarios. */
public final class All {
  private static final List<Class<?>> SUBJECTS =
      List.of(
          Starts.class,
          Messages.class,
          Updates.class,
          Families.class,
          Timers.class,
          Activities.class,
          Timeouts.class,
          ActivitiesElsewhere.class,
          LocalActivities.class,
          Closing.class,
          Data.class,
          Tasks.class,
          Visibility.class,
          Operating.class,
          Schedules.class,
          Batches.class,
          FromWfctl.class,
          Crashes.class,
          WorkerCrashes.class,
          Load.class);

  private All() {}

  /** Under their names, in the order of their subjects. */
  public static List<Entry> entries() {
    List<Entry> entries = new ArrayList<>();
    for (Class<?> subject : SUBJECTS) {
      List<Entry> found = new ArrayList<>();
      for (Method method : subject.getDeclaredMethods()) {
        Plays plays = method.getAnnotation(Plays.class);
        if (plays != null) {
          found.add(new Entry(nameOf(method), plays.value(), scenario -> play(method, scenario)));
        }
      }
      found.sort(Comparator.comparing(Entry::name));
      entries.addAll(found);
    }
    return entries;
  }

  private static String nameOf(Method method) {
    return method.getName().replaceAll("(?=[A-Z])", "_").toLowerCase(Locale.ROOT);
  }

  private static void play(Method method, Object scenario) throws Throwable {
    try {
      method.invoke(null, scenario);
    } catch (InvocationTargetException failure) {
      throw failure.getCause();
    }
  }
}
